"""The contract's two endpoints: create a task, query a task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.account import Account
from leanpix.domain.errors import CallerError, StoreUnavailableError
from leanpix.domain.notice import Callback
from leanpix.domain.task import Task
from leanpix.service.submit import Address, Upload
from leanpix.web import compat
from leanpix.web.body import SINGLE, BodyRules, Form, read_form
from leanpix.web.context import Context, context_of
from leanpix.web.observed import note
from leanpix.web.wire import WireRequest, idempotency_key, parse_request

_POLL_S = 1.0
_DRAIN_FACTOR = 2
_DRAIN_S = 10.0


async def create(request: Request) -> Response:
    """Create a compression task; with sync=1, wait for its end."""
    context = context_of(request)
    account = await context.account(request)
    once = idempotency_key(request.headers.get("Idempotency-Key"))
    await context.look_up(context.submit.admit, account, once)
    form = await form_of(request, context.settings.max_upload_bytes)
    try:
        wire = parse_request(form)
        callback = callback_of(context, request, wire.callback_url)

        def submit() -> str:
            source = _source(form, wire)
            return context.submit.submit(account, source, wire.options, wire.return_type, once, callback=callback)

        task_id = await context.call(submit)
        note(request, task_id=task_id)
    finally:
        form.close()
    if not wire.sync:
        return JSONResponse(compat.created(task_id))
    task = await _wait(context, account, task_id)
    return JSONResponse(await render(context, request, task))


async def query(request: Request) -> Response:
    """The state of a task, and its result when there is one."""
    context = context_of(request)
    account = await context.account(request)
    task = await context.look_up(context.query.query, account, request.path_params["task_id"])
    note(request, task_id=task.id)
    return JSONResponse(await render(context, request, task), headers={"Cache-Control": "no-store"})


async def render(context: Context, request: Request, task: Task) -> compat.Json:
    """A task in the contract's shape."""
    base = base_of(context, request)
    if context.rendering.needs_store(task):
        return await context.call(context.rendering.shape, task, base)
    return context.rendering.shape(task, base)


def base_of(context: Context, request: Request) -> str:
    """Where this service is for the request's client: the base of result links."""
    return context.settings.public_url or f"{request.url.scheme}://{request.url.netloc}"


async def form_of(request: Request, limit: int, rules: BodyRules = SINGLE) -> Form:
    """Read the body; a refused one is read to its end, within bounds, so that the client can see the answer."""
    chunks = request.stream()
    try:
        async with aclosing(_not_empty(chunks)) as body:
            return await read_form(request.headers.get("content-type", ""), request.url.query, body, limit, rules)
    except CallerError:
        await _drain(chunks, limit * _DRAIN_FACTOR)
        raise


async def _not_empty(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    async for chunk in chunks:
        if chunk:
            yield chunk


async def _drain(chunks: AsyncIterator[bytes], max_bytes: int) -> None:
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for chunk in chunks:
                max_bytes -= len(chunk)
                if max_bytes < 0:
                    return
    except (TimeoutError, ClientDisconnect):
        return


def callback_of(context: Context, request: Request, url: str | None) -> Callback | None:
    """Where the request wants its end told; InvalidParameterError where that is refused as it is written."""
    return None if url is None else context.webhooks.callback(url, base_of(context, request))


def _source(form: Form, wire: WireRequest) -> Upload | Address:
    if wire.url is not None:
        return Address(wire.url)
    if form.file is None:
        raise TypeError("a checked request has a source")
    form.file.seek(0)
    return Upload(form.file.read())


async def _wait(context: Context, account: Account, task_id: str) -> Task:
    """The task once it has ended, or as it is when the longest wait is over or the service stops.

    A database that is away in the meantime is waited for too: the task has been accepted.
    """
    deadline = asyncio.get_running_loop().time() + context.settings.sync_wait_s
    while True:
        ended = context.ends.subscribe(task_id)
        try:
            task = await context.look_up(context.query.task, account, task_id)
            left = deadline - asyncio.get_running_loop().time()
            if task.state.is_final or left <= 0 or context.drained.is_set():
                return task
            await asyncio.wait([ended], timeout=min(_POLL_S, left))
        except StoreUnavailableError:
            if asyncio.get_running_loop().time() >= deadline:
                raise
        finally:
            ended.cancel()
