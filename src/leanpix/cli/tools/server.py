"""The tools behind the Model Context Protocol, by its own SDK: over stdio, and over HTTP with a key."""

from __future__ import annotations

import functools
import hmac
import socket
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import httpx
import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from leanpix import __version__
from leanpix.cli.tools.pictures import PictureTools
from leanpix.cli.tools.roots import PathRefusedError
from leanpix.domain.errors import InvalidParameterError, SetupError, TaskFailure

_P = ParamSpec("_P")
_T = TypeVar("_T")
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def server_of(tools: PictureTools) -> MCPServer:
    """The protocol's server over these tools."""
    allowed = ", ".join(str(folder) for folder in tools.roots.folders)
    server = MCPServer(
        "leanpix",
        version=__version__,
        instructions=f"Makes pictures smaller without a visible loss, and scores them. Files may lie in: {allowed}",
        log_level="ERROR",
    )
    server.tool("compress", annotations=_WRITES)(_told(tools.compress))
    server.tool("score", annotations=_READS)(_told(tools.score))
    server.tool("set", annotations=_WRITES)(_told(tools.picture_set))
    server.tool("formats", annotations=_READS)(_told(tools.formats))
    return server


def serve_http(server: MCPServer, host: str, listener: socket.socket, key: str) -> None:
    """Answer at /mcp of this host, where a socket listens, whoever sends `Authorization: Bearer KEY`, until SIGTERM."""
    names = [f"{name}:*" for name in {*_LOOPBACK, host}]
    security = TransportSecuritySettings(allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names])
    app = server.streamable_http_app(host=host, transport_security=security)
    uvicorn.Server(uvicorn.Config(KeyRequired(app, key), log_level="warning")).run(sockets=[listener])


class KeyRequired:
    """Lets only requests through that carry the key."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._expected = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        given = dict(scope.get("headers") or ()).get(b"authorization", b"")
        if scope["type"] == "http" and not hmac.compare_digest(given, self._expected):
            refusal = PlainTextResponse(
                "the key is missing or wrong: Authorization: Bearer KEY",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _told(tool: Callable[_P, _T]) -> Callable[_P, _T]:
    """What goes wrong with a picture as the tool's own words; all else would be an internal error."""

    @functools.wraps(tool)
    def told(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return tool(*args, **kwargs)
        except (TaskFailure, PathRefusedError, InvalidParameterError, SetupError, httpx.HTTPError) as failure:
            raise ToolError(str(failure)) from failure
        except OSError as failure:
            raise ToolError(failure.strerror or str(failure)) from failure

    return told
