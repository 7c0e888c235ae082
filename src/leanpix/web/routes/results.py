"""Results by signed link: no key, any origin, GET and HEAD, no redirect."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from leanpix.domain.errors import NotFoundError
from leanpix.service.signed_urls import media_type_of
from leanpix.web.context import context_of
from leanpix.web.reading import Reading

RESULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "private, max-age=3600, immutable",
}


async def result(request: Request) -> Response:
    """The result behind a signed link; NotFoundError where the link is wrong or its hour is over."""
    context = context_of(request)
    name = request.path_params["name"]
    query = request.query_params
    blob = context.links.blob(name, query.get("e"), query.get("k"), query.get("s"))
    content = None if blob is None else await context.call(context.blobs.stream, blob)
    if blob is None or content is None:
        raise NotFoundError("there is no such result: the link is wrong, or its hour is over")
    headers = {**RESULT_HEADERS, "Content-Disposition": f'inline; filename="{name}"'}
    return Reading(request, context.readers, blob, content).file(media_type_of(name), headers)
