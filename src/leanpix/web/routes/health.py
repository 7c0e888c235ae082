"""Liveness and readiness."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.web.context import context_of

_READY, _NOT_READY = 200, 503


async def healthz(_request: Request) -> Response:
    """200 as soon as requests are served."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """200 when this process can take work, 503 when a balancer should look elsewhere; with what is off and why."""
    context = context_of(request)
    # Not among the requests' threads: those may all be waiting for the very store that is asked about here.
    ready, checks = await to_thread.run_sync(context.readiness)
    return JSONResponse({"ready": ready, "checks": dict(checks)}, status_code=_READY if ready else _NOT_READY)
