"""Comparing two uploaded pictures: a task whose source is both, and whose result is the map."""

from __future__ import annotations

import shutil
from contextlib import closing

from starlette.requests import Request
from starlette.responses import Response

from leanpix.domain.errors import SourceCountError
from leanpix.domain.pair import pair_head
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.service.spool import SpoolFile
from leanpix.service.submit import Upload
from leanpix.web.body import COMPARED, COMPARISON, REFERENCE, Form
from leanpix.web.context import context_of
from leanpix.web.observed import note
from leanpix.web.routes.tasks import form_of, waited
from leanpix.web.wire import idempotency_key

NO_LINKS = (
    "a comparison fetches nothing: send both pictures themselves, as the parts reference and image of a multipart form"
)
_PIECE_BYTES = 256 * 1024


async def score(request: Request) -> Response:
    """Compare a picture with its reference, and wait for the end."""
    context = context_of(request)
    account = await context.account(request)
    once = idempotency_key(request.headers.get("Idempotency-Key"))
    await context.admit(account, once)
    async with form_of(request, account, context.settings.max_upload_bytes, COMPARISON) as form:
        reference, picture = _both(form)

        def submit() -> str:
            with closing(form.open_file()) as pair:
                _join(pair, reference, picture)
                options = CompressionOptions(compares=True)
                source = Upload(pair.content())
                return context.submit.submit(account, source, options, ReturnType.URL, once, is_awaited=True)

        task_id = await context.call(submit)
        note(request, task_id=task_id)
    return await waited(context, request, account, task_id, once)


def _both(form: Form) -> tuple[SpoolFile, SpoolFile]:
    found = form.files.get(REFERENCE), form.files.get(COMPARED)
    if link := next((name for name in form.ignored if "url" in name.lower()), None):
        raise SourceCountError(f"{link}: {NO_LINKS}")
    missing = [name for name, file in zip((REFERENCE, COMPARED), found, strict=True) if file is None]
    if found[0] is None or found[1] is None:
        raise SourceCountError(f"{' and '.join(missing)}: not sent; both pictures are parts of one multipart form")
    return found[0], found[1]


def _join(pair: SpoolFile, reference: SpoolFile, picture: SpoolFile) -> None:
    pair.write(pair_head(reference.size_bytes))
    for file in (reference, picture):
        with file.reader() as content:
            shutil.copyfileobj(content, pair, _PIECE_BYTES)
