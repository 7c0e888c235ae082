"""Batches: many pictures in one request, one status, one archive of results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from leanpix.domain.batch import MOST_ITEMS
from leanpix.service.batch import BatchTerms, NamedSource
from leanpix.service.submit import Address
from leanpix.web.archive import ArchiveLimits, pictures_in
from leanpix.web.batch_shape import item_shape, status_shape
from leanpix.web.body import BATCH, Form
from leanpix.web.compat import Json
from leanpix.web.context import Context, context_of
from leanpix.web.numbers import number_in
from leanpix.web.result_archive import ResultArchive
from leanpix.web.routes.tasks import base_of, callback_of, form_of
from leanpix.web.wire import BatchRequest, idempotency_key, parse_batch

PAGE = 100
_LONGEST_NAME = 100


async def create_batch(request: Request) -> Response:
    """Take a batch: `image_urls` in a JSON body, or a ZIP as the part `archive` of a form; options are one task's."""
    context = context_of(request)
    account = await context.account(request)
    once = idempotency_key(request.headers.get("Idempotency-Key"))
    await context.call(context.submit.admit, account, once)
    form = await form_of(request, context.settings.batch_max_bytes, BATCH)
    try:
        wire = parse_batch(form, context.settings.formats_written)
        terms = BatchTerms(wire.options, callback_of(context, request, wire.callback_url), once)
        batch_id = await context.call(context.batches.submit, account, _sources(context, form, wire), terms)
    finally:
        form.close()
    return _answer({"batch_id": batch_id})


async def batch(request: Request) -> Response:
    """How far a batch is, and a page of its items, from number `?offset=` (0) on."""
    context = context_of(request)
    account = await context.account(request)
    offset = number_in(request, "offset", 0, 0, MOST_ITEMS)
    await context.call(context.query.count, account)
    status = await context.call(context.batches.status, account, request.path_params["batch_id"])
    items = await context.call(context.batches.items, status.batch, offset, PAGE)
    base = base_of(context, request)
    shown = [item_shape(item, task, context.rendering, base) for item, task in items]
    following = offset + len(items)
    has_more = bool(items) and following < sum(status.counts.values())
    return _answer({**status_shape(status), "items": shown, "next_offset": following if has_more else None})


async def batch_results(request: Request) -> Response:
    """What has succeeded so far as one ZIP, with a manifest.json that names every item."""
    context = context_of(request)
    account = await context.account(request)
    await context.call(context.query.count, account)
    status = await context.call(context.batches.status, account, request.path_params["batch_id"])
    pieces = ResultArchive(context.blobs).pieces(context.batches.every_item(status.batch))
    name = f"{status.batch.id}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse((piece for piece in pieces if piece), media_type="application/zip", headers=headers)


def _sources(context: Context, form: Form, wire: BatchRequest) -> Iterator[NamedSource]:
    if form.file is not None:
        limits = ArchiveLimits(context.settings.max_upload_bytes, context.settings.batch_max_unpacked_bytes)
        return pictures_in(form.file, limits)
    return (NamedSource(_name_of(url, number), Address(url)) for number, url in enumerate(wire.urls))


def _name_of(url: str, number: int) -> str:
    """The last part of the path, as far as it can be a file's name: an address itself is shown to nobody."""
    try:
        last = PurePosixPath(unquote(urlsplit(url).path)).name
    except ValueError:
        last = ""
    kept = "".join(c for c in last if c.isprintable() and c not in '/\\:*?"<>|').strip(". ")
    return kept[-_LONGEST_NAME:] or f"picture-{number + 1}"


def _answer(data: Json) -> Response:
    return JSONResponse({"status": 200, "message": "success", "data": data}, headers={"Cache-Control": "no-store"})
