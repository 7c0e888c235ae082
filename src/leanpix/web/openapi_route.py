"""The OpenAPI document, made when it is first asked for."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from leanpix.web.context import context_of


def openapi_route(routes: Sequence[BaseRoute]) -> Route:
    """The route that describes these, and itself."""
    route = Route("/openapi.json", _serving(lambda: [*routes, route]), methods=["GET"], name="openapi")
    return route


def _serving(routes: Callable[[], Sequence[BaseRoute]]) -> Callable[[Request], Awaitable[Response]]:
    @cache
    def document(server: str | None) -> bytes:
        from leanpix.web.openapi.document import make_document  # noqa: PLC0415 - most servers are never asked for it

        return json.dumps(make_document(routes(), server)).encode()

    async def openapi(request: Request) -> Response:
        return Response(document(context_of(request).settings.public_url), media_type="application/json")

    return openapi
