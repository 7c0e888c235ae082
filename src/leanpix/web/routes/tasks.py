"""The contract's two endpoints: create a task, query a task."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.account import Account
from leanpix.domain.errors import NotFoundError, StoreUnavailableError
from leanpix.domain.task import Task
from leanpix.domain.webhook import Callback
from leanpix.service.submit import Address, Upload
from leanpix.web import compat
from leanpix.web.body import SINGLE, BodyRules, Form, read_form
from leanpix.web.context import Context, context_of
from leanpix.web.observed import note
from leanpix.web.reading import PLACEHOLDER, Reading
from leanpix.web.streams import reserved_body
from leanpix.web.waiting import ended
from leanpix.web.wire import WireRequest, idempotency_key, parse_request


async def create(request: Request) -> Response:
    """Create a compression task; with sync=1, wait for its end."""
    context = context_of(request)
    account = await context.account(request)
    once = idempotency_key(request.headers.get("Idempotency-Key"))
    await context.admit(account, once)
    async with form_of(request, account, context.settings.max_upload_bytes) as form:
        settings = context.settings
        wire_rules = settings.formats_written, request.headers.get("accept", ""), settings.set_max_pictures
        wire = parse_request(form, *wire_rules)
        callback = callback_of(context, request, wire.callback_url)

        def submit() -> str:  # in a thread of use cases, where the upload's spool file may be read
            return context.submit.submit(
                account,
                _source(form, wire),
                wire.options,
                wire.return_type,
                once,
                callback=callback,
                ignored=wire.ignored,
                is_awaited=wire.sync,
            )

        task_id = await context.call(submit)
        note(request, task_id=task_id)
    if not wire.sync:
        return JSONResponse(compat.created(task_id))
    return await waited(context, request, account, task_id, once)


async def waited(context: Context, request: Request, account: Account, task_id: str, once: str | None) -> Response:
    """The task once it has ended, or as it is when the longest wait is over. once: its idempotency key."""
    # Under an idempotency key the id may be that of a task that ended long ago.
    try:
        task = await ended(context, task_id, lambda: context.query.task(account, task_id), is_new=once is None)
    except NotFoundError:
        if once is not None:
            raise
        # It was accepted a moment ago, and nobody was told: a database died with what it had not written yet.
        raise StoreUnavailableError from None
    if not task.state.is_final:
        await context.call(context.submit.promise, task_id)  # its id is the answer
    context.submit.let_go(task_id)
    return await answer(context, request, task)


async def query(request: Request) -> Response:
    """The state of a task, and its result when there is one."""
    context = context_of(request)
    account = await context.account(request)
    task = await context.look_up(context.query.query, account, request.path_params["task_id"])
    note(request, task_id=task.id)
    return await answer(context, request, task, {"Cache-Control": "no-store"})


async def cancel(request: Request) -> Response:
    """End a task that has not ended; the task as it is now. It may be sent again."""
    context = context_of(request)
    account = await context.account(request)
    task = await context.call(context.cancel.task, account, request.path_params["task_id"])
    note(request, task_id=task.id)
    return await answer(context, request, task, {"Cache-Control": "no-store"})


async def answer(
    context: Context, request: Request, task: Task, headers: Mapping[str, str] = MappingProxyType({})
) -> Response:
    """A task in the contract's shape; a result that is asked for as base64 is read while it is sent."""
    base = base_of(context, request)
    if not context.rendering.needs_store(task):
        return JSONResponse(context.rendering.shape(task, base), headers=headers)
    if not context.rendering.holds_content(task) or task.result is None:
        return JSONResponse(await context.call(context.rendering.shape, task, base), headers=headers)
    content = await context.content(task.result.blob)
    if content is None:
        return JSONResponse(context.rendering.without_content(task), headers=headers)
    shape = compat.succeeded(task, PLACEHOLDER, context.rendering.images(task, base))
    return Reading(request, context.readers, task.result.blob, content, task.key_id).within(shape, headers)


def base_of(context: Context, request: Request) -> str:
    """Where this service is for the request's client: the base of result links."""
    if context.settings.public_url:
        return context.settings.public_url
    url = request.url  # made anew each time it is asked for
    return f"{url.scheme}://{url.netloc}"


@asynccontextmanager
async def form_of(request: Request, account: Account, limit: int, rules: BodyRules = SINGLE) -> AsyncIterator[Form]:
    """The form of the body, dropped after the block.

    What the body says it has is judged and set aside before it is read: UploadTooLargeError, InFlightError,
    StorageFullError. limit: of its file, in bytes.
    """
    content_type, spool = request.headers.get("content-type", ""), context_of(request).spool
    most = rules.max_body_bytes(content_type, limit)
    async with reserved_body(request, account, most) as (share, body):
        form = Form(partial(spool.file, share), share.use, limit, rules)
        try:
            yield await read_form(content_type, request.url.query, body, form)
        finally:
            form.close()


def callback_of(context: Context, request: Request, url: str | None) -> Callback | None:
    """Where the request wants its end told; InvalidParameterError where that is refused as it is written."""
    return None if url is None else context.webhooks.callback(url, base_of(context, request))


def _source(form: Form, wire: WireRequest) -> Upload | Address:
    if wire.url is not None:
        return Address(wire.url, headers=wire.source_headers)
    if form.file is None:
        raise TypeError("a checked request has a source")
    return Upload(form.file.content())
