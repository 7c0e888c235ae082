"""Liveness and readiness."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.errors import NotFoundError
from leanpix.web.context import context_of

_READY, _NOT_READY = 200, 503
_OK = "ok"


async def healthz(_request: Request) -> Response:
    """200 as soon as requests are served."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """200 while a balancer should ask this node, 503 when it should look elsewhere; with what is off and why."""
    return await _readiness(request)


async def readyz_function(request: Request) -> Response:
    """The same for one function alone: for a balancer that sends each to the nodes that have it."""
    return await _readiness(request, request.path_params["function"])


async def _readiness(request: Request, function: str | None = None) -> Response:
    context = context_of(request)
    # Not among the requests' threads: those may all be waiting for the very store that is asked about here.
    found = await to_thread.run_sync(context.readiness)
    if function is not None and function not in found.functions:
        raise NotFoundError(f"there is no such function: {', '.join(found.functions)} are")
    is_ready = found.is_ready if function is None else found.functions[function] == _OK
    told = {"ready": is_ready, "functions": dict(found.functions), "checks": dict(found.checks)}
    return JSONResponse(told, status_code=_READY if is_ready else _NOT_READY)
