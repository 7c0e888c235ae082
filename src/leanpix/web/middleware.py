"""ASGI middleware: paths as clients write them, and CORS where it is allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from leanpix.web.errors import STATUS_TEXT, plain_error

_NOT_FOUND = 404
_SLASHES = re.compile(r"/{2,}")


class TidyPath:
    """`//api/x/` is `/api/x`, without a redirect: some clients join base and path carelessly."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tidy the path and go on."""
        if scope["type"] == "http":
            tidy = _SLASHES.sub("/", scope["path"])
            scope["path"] = tidy.rstrip("/") or "/"
            if "\0" in tidy:  # nothing of ours is named so, and PostgreSQL takes no such text
                await plain_error(_NOT_FOUND, STATUS_TEXT[_NOT_FOUND])(scope, receive, send)
                return
        await self._app(scope, receive, send)


class CorsUnder:
    """CORS for some paths only: the API and results may be read from other origins, account pages may not."""

    def __init__(self, app: ASGIApp, prefixes: Sequence[str], origins: Sequence[str]) -> None:
        self._plain, self._prefixes = app, tuple(prefixes)
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
            allow_headers=["*"],
            expose_headers=["Retry-After", "Content-Length", "ETag", "Content-Range", "Accept-Ranges"],
            # A page on the open net asks for a server in a private network by a preflight of its own kind.
            allow_private_network=True,
            max_age=86400,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose by the path."""
        is_open = scope["type"] == "http" and scope["path"].startswith(self._prefixes)
        await (self._cors if is_open else self._plain)(scope, receive, send)
