"""Results by signed link: no key, any origin, GET and HEAD, no redirect."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from leanpix.domain.errors import NotFoundError, StoreUnavailableError
from leanpix.service.signed_urls import media_type_of
from leanpix.web.context import Context, context_of
from leanpix.web.errors import OTHER_STATUS_TEXT, plain_error
from leanpix.web.ranges import RangeNotSatisfiableError, is_known, wanted_range
from leanpix.web.reading import PartOfContent, Reading

RESULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "private, max-age=3600, immutable",
}
_NOT_MODIFIED, _NOT_SATISFIABLE = 304, 416


async def result(request: Request) -> Response:
    """The result behind a signed link, or a part of it; NotFoundError where the link is wrong or its hour is over.

    What lies under a result's name never changes, so that the name is its version too.
    """
    context = context_of(request)
    name = request.path_params["name"]
    query = request.query_params
    signed = query.get("e"), query.get("k"), query.get("s")
    member = context.links.member(name, *signed)
    blob = context.links.blob(name, *signed) if member is None else member[0]
    content = None if blob is None else await context.content(blob)
    if content is not None and member is not None:
        content = PartOfContent(content, member[1])
    if blob is None or content is None:
        raise NotFoundError("there is no such result: the link is wrong, or its hour is over")
    etag = f'"{name}"'
    left_s = max(0, int(int(query["e"]) - context.links.now()))
    kept = {"ETag": etag, "Cache-Control": f"private, max-age={left_s}, immutable"}  # no copy outlives the result
    if is_known(etag, request.headers.get("if-none-match")):
        content.close()
        return Response(status_code=_NOT_MODIFIED, headers={**RESULT_HEADERS, **kept})
    headers = {
        **RESULT_HEADERS,
        **kept,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'inline; filename="{name}"',
    }
    key_id = await context.look_up(_key_of, context, blob) if context.readers.are_many else ""
    reading = Reading(request, context.readers, blob, content, key_id)
    if request.method == "HEAD":  # a range says nothing to it
        return reading.file(media_type_of(name), headers)
    try:
        asked, if_range = request.headers.get("range"), request.headers.get("if-range")
        wanted = wanted_range(asked, content.size_bytes, etag, if_range)
    except RangeNotSatisfiableError:
        content.close()
        told = {"Content-Range": f"bytes */{content.size_bytes}"}
        return plain_error(_NOT_SATISFIABLE, OTHER_STATUS_TEXT[_NOT_SATISFIABLE], told)
    if wanted is None:
        return reading.file(media_type_of(name), headers)
    return reading.part(wanted, media_type_of(name), headers)


def _key_of(context: Context, blob: str) -> str:
    """Whose result it is; empty where that cannot be told now: a link is good without the database."""
    _, task_id, _ = blob.split("/")
    try:
        return context.query.named(task_id).key_id
    except (NotFoundError, StoreUnavailableError):
        return ""
