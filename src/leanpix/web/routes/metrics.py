"""The figures of this process, for Prometheus."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from leanpix.domain.errors import NotFoundError
from leanpix.web.context import context_of

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


async def metrics(request: Request) -> Response:
    """Every figure, to whom they are shown; NotFoundError for everybody else."""
    figures = context_of(request).figures
    address = None if request.client is None else request.client.host
    if not figures.admits(address, request.headers.get("authorization")):
        raise NotFoundError("there is nothing here")
    # Not among the requests' threads, which may all be waiting for the very store that is counted.
    return Response(await to_thread.run_sync(figures.figures), media_type=_TEXT)
