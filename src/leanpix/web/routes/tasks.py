"""The contract's two endpoints: create a task, query a task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.account import Account
from leanpix.domain.errors import CallerError, StoreUnavailableError
from leanpix.domain.request import ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task
from leanpix.service.submit import Address, Upload
from leanpix.web import compat
from leanpix.web.body import Form, read_form
from leanpix.web.context import Context, context_of
from leanpix.web.wire import WireRequest, idempotency_key, parse_request

_POLL_S = 1.0
_DRAIN_FACTOR = 2
_DRAIN_S = 10.0


async def create(request: Request) -> Response:
    """Create a compression task; with sync=1, wait for its end."""
    context = context_of(request)
    account = await context.account(request)
    once = idempotency_key(request.headers.get("Idempotency-Key"))
    await context.call(context.submit.admit, account, once)
    form = await _form(request, context)
    try:
        wire = parse_request(form)
        task_id = await context.call(_submit, context, account, form, wire, once)
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
    task = await context.call(context.query.query, account, request.path_params["task_id"])
    return JSONResponse(await render(context, request, task), headers={"Cache-Control": "no-store"})


async def render(context: Context, request: Request, task: Task) -> compat.Json:
    """A task in the contract's shape; a result that is gone from the store is a failure, not an error."""
    if not task.state.is_final:
        return compat.unfinished(task, fine_states=context.settings.fine_states)
    if task.state is not TaskState.SUCCEEDED or task.result is None:
        return compat.failed(task)
    if task.return_type is ReturnType.BASE64:
        content = await context.call(context.blobs.get, task.result.blob)
        if content is None:
            return compat.failed(replace(task, state=TaskState.PUBLISH_FAILED, message=TaskState.PUBLISH_FAILED.text))
        return compat.succeeded(task, await context.call(compat.as_base64, content))
    expires_at = context.query.expires_at(task)
    # Every poll comes through here: a thread is asked only of a store that has an answer.
    if context.blobs.presigns:
        of_the_store = await context.call(context.blobs.presign, task.result.blob, expires_at - time.time())
        if of_the_store is not None:
            return compat.succeeded(task, of_the_store)
    base = context.settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
    return compat.succeeded(task, base.rstrip("/") + context.links.path(task, expires_at))


async def _form(request: Request, context: Context) -> Form:
    """Read the body; a refused one is read to its end, within bounds, so that the client can see the answer."""
    chunks = request.stream()
    limit = context.settings.max_upload_bytes
    try:
        async with aclosing(_not_empty(chunks)) as body:
            return await read_form(request.headers.get("content-type", ""), request.url.query, body, limit)
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


def _submit(context: Context, account: Account, form: Form, wire: WireRequest, once: str | None) -> str:
    source: Upload | Address
    if wire.url is not None:
        source = Address(wire.url)
    elif form.file is not None:
        form.file.seek(0)
        source = Upload(form.file.read())
    else:
        raise TypeError("a checked request has a source")
    return context.submit.submit(account, source, wire.options, wire.return_type, once)


async def _wait(context: Context, account: Account, task_id: str) -> Task:
    """The task once it has ended, or as it is when the longest wait is over or the service stops.

    A database that is away in the meantime is waited for too: the task has been accepted.
    """
    deadline = asyncio.get_running_loop().time() + context.settings.sync_wait_s
    while True:
        ended = context.ends.subscribe(task_id)
        try:
            task = await context.call(context.query.task, account, task_id)
            left = deadline - asyncio.get_running_loop().time()
            if task.state.is_final or left <= 0 or context.drained.is_set():
                return task
            await asyncio.wait([ended], timeout=min(_POLL_S, left))
        except StoreUnavailableError:
            if asyncio.get_running_loop().time() >= deadline:
                raise
        finally:
            ended.cancel()
