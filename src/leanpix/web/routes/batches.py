"""Batches: many pictures in one request, one status, one archive of results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.account import Account
from leanpix.domain.batch import MOST_ITEMS
from leanpix.service.batch import BatchSize, BatchTerms, NamedSource
from leanpix.service.submit import Address
from leanpix.web.archive import ArchiveLimits, opened_archive
from leanpix.web.batch_shape import item_shape, status_shape
from leanpix.web.body import BATCH, Form
from leanpix.web.compat import Json
from leanpix.web.context import Context, context_of
from leanpix.web.numbers import number_in
from leanpix.web.reading import Reading
from leanpix.web.result_archive import Pieces, ResultArchive
from leanpix.web.routes.tasks import base_of, callback_of, form_of
from leanpix.web.wire import BatchRequest, idempotency_key, parse_batch

PAGE = 100
_LONGEST_NAME = 100


async def create_batch(request: Request) -> Response:
    """Take a batch: `image_urls` in a JSON body, or a ZIP as the part `archive` of a form; options are one task's."""
    context = context_of(request)
    account = await context.account(request)
    once = idempotency_key(request.headers.get("Idempotency-Key"))
    await context.admit(account, once)
    await context.look_up(context.batches.admit, account, once)
    async with form_of(request, account, context.settings.batch_max_bytes, BATCH) as form:
        wire = parse_batch(form, context.settings.formats_written, request.headers.get("accept", ""))
        terms = BatchTerms(wire.options, callback_of(context, request, wire.callback_url), once)
        async with context.unpacking.turn(account.id):  # not one of the threads that others' small requests wait for
            batch_id, renamed = await context.unpacking.call(_submit, context, account, form, wire, terms)
    return _answer({"batch_id": batch_id, **({"renamed": renamed} if renamed else {})})


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


async def cancel_batch(request: Request) -> Response:
    """End all of a batch that has not ended; how far it is now. It may be sent again."""
    context = context_of(request)
    account = await context.account(request)
    await context.call(context.cancel.batch, account, request.path_params["batch_id"])
    status = await context.call(context.batches.status, account, request.path_params["batch_id"])
    return _answer(status_shape(status))


async def batch_results(request: Request) -> Response:
    """What has succeeded so far as one ZIP, with a manifest.json that names every item."""
    context = context_of(request)
    account = await context.account(request)
    await context.call(context.query.count, account)
    status = await context.call(context.batches.status, account, request.path_params["batch_id"])
    pieces = ResultArchive(context.blobs).pieces(context.batches.every_item(status.batch))
    name = f"{status.batch.id}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    reading = Reading(request, context.readers, status.batch.id, Pieces(pieces), account.id)
    return reading.archive("application/zip", headers)


def _submit(
    context: Context, account: Account, form: Form, wire: BatchRequest, terms: BatchTerms
) -> tuple[str, Mapping[str, str]]:
    """The batch's id, and what pictures of an archive were called that go by other names."""
    if form.file is None:
        named = (NamedSource(_name_of(url, number), Address(url)) for number, url in enumerate(wire.urls))
        size = BatchSize(len(wire.urls), sum(len(url) for url in wire.urls))
        return context.batches.submit(account, named, terms, size), {}
    limits = ArchiveLimits(context.settings.max_upload_bytes, context.settings.batch_max_unpacked_bytes)
    with form.file.reader() as file, context.spool.unpacking(account.id) as spool_file:
        archive = opened_archive(file, limits)
        return context.batches.submit(account, archive.pictures(spool_file), terms, archive.size), archive.renamed


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
