"""`/shrink` and `/output/{name}`, at the root and under `/tinify`: the Node client drops any prefix of its endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from hmac import compare_digest

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leanpix.domain.account import Account
from leanpix.domain.errors import (
    CapacityError,
    KeyRefusedError,
    LeanpixError,
    NotFoundError,
    SourceCountError,
    TaskFailure,
)
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task
from leanpix.service.originals import Originals
from leanpix.service.submit import Address, Upload
from leanpix.web.context import Context, context_of
from leanpix.web.key_queue import KeyQueue
from leanpix.web.observed import note
from leanpix.web.reading import Reading
from leanpix.web.routes.tasks import base_of
from leanpix.web.settings import WebSettings
from leanpix.web.streams import drained_body, reserved_body
from leanpix.web.tinify import answers
from leanpix.web.tinify.access import key_of
from leanpix.web.tinify.bodies import (
    EMPTY,
    MOST_JSON_BYTES,
    head_of,
    is_no_text,
    parsed_object,
    read_object,
    read_picture,
)
from leanpix.web.tinify.commands import parse_commands, source_url
from leanpix.web.waiting import ended
from leanpix.web.wire import check_url, idempotency_key, storable

_NO_KEY = "the API key is missing: send it as the password of the user `api`"
_RETRY_S = 5.0
_STORING_AT_A_TIME = 4
_GONE = "the result is gone: upload the picture again"
_UNDER_WAY = "the picture is still being compressed: ask for it again"


def tinify_routes(settings: WebSettings) -> list[Route]:
    """The routes, or none where they are switched off."""
    if not settings.tinify:
        return []
    served = Tinify(KeyQueue(settings.tinify_patience_s))
    return [
        route
        for prefix in ("/tinify", "")  # figures name a route by the last
        for route in (
            Route(f"{prefix}/shrink", served.shrink, methods=["POST"], include_in_schema=not prefix),
            Route(f"{prefix}/keys/{{key}}", served.key, methods=["GET"], include_in_schema=not prefix),
            Route(f"{prefix}/output/{{name}}", served.output, methods=["GET"], include_in_schema=not prefix),
            Route(
                f"{prefix}/output/{{name}}",
                served.output,
                methods=["POST"],
                name="make_output",
                include_in_schema=not prefix,
            ),
        )
    ]


class Tinify:
    """The endpoints; turns lines up the requests of each key."""

    def __init__(self, turns: KeyQueue) -> None:
        self._turns = turns
        # Threads of their own: somebody's store may be slow, and those of all other requests must not wait for it.
        self._storing = CapacityLimiter(_STORING_AT_A_TIME)

    async def shrink(self, request: Request) -> Response:
        """Compress the picture of the body, or behind the body's `source.url`."""
        return await _answered(request, self._shrink)

    async def key(self, request: Request) -> Response:
        """Whether a key is good, and what it has used: plugins ask before they save one."""
        return await _answered(request, self._key)

    async def output(self, request: Request) -> Response:
        """The result, or another one made of the same upload by the body's commands."""
        return await _answered(request, self._output)

    async def _shrink(self, request: Request, account: Account | None) -> Response:
        context, account = context_of(request), _required(account)
        if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
            raise SourceCountError(EMPTY)  # how a key is validated: that costs none of its rate
        once = await self._admitted(context, account, request)
        async with _source(context, request, account) as source:
            task_id = await _submitted(context, account, source, CompressionOptions(), once)
        task = await _made(context, account, task_id, once)
        note(request, task_id=task.id)
        path = f"/output/{context.links.output_name(task.id)}"
        return answers.created(task, path, base_of(context, request).rstrip("/"), await _counts(context, account))

    async def _key(self, request: Request, account: Account | None) -> Response:
        context, account = context_of(request), _required(account)
        if not compare_digest(request.path_params["key"].encode(), (key_of(request) or "").encode()):
            raise NotFoundError("ask for the key that the request is made with")
        return answers.known(account, await _counts(context, account))

    async def _output(self, request: Request, account: Account | None) -> Response:
        context = context_of(request)
        task_id = context.links.task_of_output(request.path_params["name"])
        if task_id is None:
            raise NotFoundError("there is no such output")
        look = partial(context.query.named, task_id)
        if account is not None:
            look = partial(context.query.task, account, task_id)
            await self._turns.take(account.id, partial(context.look_up, context.query.query, account, task_id))
        async with drained_body(request, MOST_JSON_BYTES) as body:
            commands = parse_commands(await read_object(body), context.settings.formats_written)
        task = _succeeded(await ended(context, task_id, look))
        if commands.options is not None:
            account = _required(account)
            once = await self._admitted(context, account, request)
            original = await context.call(Originals(context.blobs).original, task)
            task_id = await _submitted(context, account, Upload(original), commands.options, once)
            task = _succeeded(await _made(context, account, task_id, once))
        note(request, task_id=task.id)
        if commands.target is not None:
            account, content = _required(account), await _content(context, task)
            put = partial(context.exporter.put, commands.target, content, answers.media_type(task))
            place = await to_thread.run_sync(put, limiter=self._storing)
            return answers.stored(task, place, await _counts(context, account))
        counts = {} if account is None else await _counts(context, account)
        if task.result is None or (stream := await context.content(task.result.blob)) is None:
            raise NotFoundError(_GONE)
        headers = answers.result_headers(task, counts)
        reading = Reading(request, context.readers, task.result.blob, stream, task.key_id)
        return reading.file(answers.media_type(task), headers)

    async def _admitted(self, context: Context, account: Account, request: Request) -> str | None:
        """Take one create of the key's rate; the request's idempotency key."""
        once = idempotency_key(request.headers.get("Idempotency-Key"))
        await self._turns.take(account.id, partial(context.look_up, context.submit.admit, account, once))
        return once


async def _answered(request: Request, endpoint: Callable[[Request, Account | None], Awaitable[Response]]) -> Response:
    """The endpoint's answer, errors in these clients' words. A key may be missing, but not be a wrong one."""
    account = None
    try:
        if "authorization" in request.headers:
            account = await context_of(request).account_of(request, key_of(request))
        return await endpoint(request, account)
    except SourceCountError as error:  # how clients validate a key: they read the counts of this very answer
        counts = {} if account is None else await _counts(context_of(request), account)
        return answers.refused(error, account, counts)
    except LeanpixError as error:
        return answers.refused(error, account)


def _required(account: Account | None) -> Account:
    if account is None:
        raise KeyRefusedError(_NO_KEY)
    return account


@asynccontextmanager
async def _source(context: Context, request: Request, account: Account) -> AsyncIterator[Upload | Address]:
    """The picture of the body, or where it is to be fetched from; good within the block."""
    limit = context.settings.max_upload_bytes
    is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
    async with reserved_body(request, account, limit) as (share, body):
        with closing(context.spool.file(share)) as file:
            await read_picture(body, limit, file)
            head = head_of(file) if is_json else b""
            if not is_json or is_no_text(head):  # generated clients label all they send as JSON
                yield Upload(file.content(), is_kept=True)
                return
            url = storable(source_url(parsed_object(head)))
            check_url("source.url", url)
            yield Address(url, is_kept=True)


async def _submitted(
    context: Context, account: Account, source: Upload | Address, options: CompressionOptions, once: str | None
) -> str:
    return await context.call(context.submit.submit, account, source, options, ReturnType.URL, once)


async def _made(context: Context, account: Account, task_id: str, once: str | None) -> Task:
    """The task, waited for."""
    task = await ended(context, task_id, lambda: context.query.task(account, task_id), is_new=once is None)
    return _succeeded(task) if task.state.is_final else task


def _succeeded(task: Task) -> Task:
    if not task.state.is_final:
        raise CapacityError(_UNDER_WAY, _RETRY_S)
    if task.state is not TaskState.SUCCEEDED or task.result is None:
        raise TaskFailure(task.state, task.message)
    return task


async def _content(context: Context, task: Task) -> bytes:
    content = None if task.result is None else await context.call(context.blobs.get, task.result.blob)
    if content is None:
        raise NotFoundError(_GONE)
    return content


async def _counts(context: Context, account: Account) -> dict[str, str]:
    """The headers that tell how much the key has used this month, and what is left on it."""
    now = await context.look_up(context.usage.current, account)
    many = await context.look_up(context.month_counts.count, account)
    return {"Compression-Count": str(many), **answers.remaining(now)}
