"""ASGI middleware that tells of each request once it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leanpix.service.observing import ObserveRequest, Served, TraceRequest

_IDS = "leanpix.ids"
_UNMATCHED = "unmatched"
_DEFECT = 500


class Traced:
    """Opens a span around each request, below the caller's where its `traceparent` names one."""

    def __init__(self, app: ASGIApp, trace: TraceRequest) -> None:
        self._app, self._trace = app, trace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer within the span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._trace(Headers(scope=scope).get("traceparent")):
            await self._app(scope, receive, send)


class Observed:
    """Times requests. routes names them by their handler: a path as it was sent may hold anything."""

    def __init__(self, app: ASGIApp, observe: ObserveRequest, routes: Mapping[Callable[..., object], str]) -> None:
        self._app, self._observe, self._routes = app, observe, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then tell; an answer that never began counts as a defect."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), _DEFECT

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        ids: dict[str, str] = {}
        scope[_IDS] = ids
        try:
            await self._app(scope, receive, noting)
        finally:
            route = self._routes.get(scope.get("endpoint", noting), _UNMATCHED)
            elapsed = time.perf_counter() - begun
            self._observe(Served(route, scope["method"], status, elapsed, ids.get("key_id"), ids.get("task_id")))


def note(request: Request, **ids: str) -> None:
    """Have the request's line name its key_id or task_id."""
    request.scope.get(_IDS, {}).update(ids)
