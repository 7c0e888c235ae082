"""The contract's two endpoints: create a task, query a task."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.task import Task
from leanpix.domain.webhook import Callback
from leanpix.service.submit import Address, Upload
from leanpix.web import compat
from leanpix.web.body import SINGLE, BodyRules, Form, read_form
from leanpix.web.context import Context, context_of
from leanpix.web.observed import note
from leanpix.web.streams import body_of
from leanpix.web.waiting import ended
from leanpix.web.wire import WireRequest, idempotency_key, parse_request


async def create(request: Request) -> Response:
    """Create a compression task; with sync=1, wait for its end."""
    context = context_of(request)
    account = await context.account(request)
    once = idempotency_key(request.headers.get("Idempotency-Key"))
    await context.look_up(context.submit.admit, account, once)
    form = await form_of(request, context.settings.max_upload_bytes)
    try:
        wire = parse_request(form, context.settings.formats_written)
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
    # Under an idempotency key the id may be that of a task that ended long ago.
    task = await ended(context, task_id, lambda: context.query.task(account, task_id), is_new=once is None)
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
    if context.settings.public_url:
        return context.settings.public_url
    url = request.url  # made anew each time it is asked for
    return f"{url.scheme}://{url.netloc}"


async def form_of(request: Request, limit: int, rules: BodyRules = SINGLE) -> Form:
    """Read the body; a refused one is read to its end, within bounds, so that the client can see the answer."""
    async with body_of(request, limit) as body:
        return await read_form(request.headers.get("content-type", ""), request.url.query, body, limit, rules)


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
