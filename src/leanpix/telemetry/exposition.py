"""Who may read the figures, and an HTTP server of their own for a process that has no API."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from threading import Thread

from leanpix.telemetry.settings import TelemetrySettings

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposition:
    """Shows the figures to addresses of the allowed networks, and to whoever has the token."""

    def __init__(self, settings: TelemetrySettings, figures: Callable[[], bytes]) -> None:
        self._settings, self._figures = settings, figures

    def admits(self, address: str | None, authorization: str | None) -> bool:
        """Whether somebody at this address, with this Authorization header, may read them."""
        token = self._settings.metrics_token
        offered = (authorization or "").encode()
        if token is not None and hmac.compare_digest(offered, f"Bearer {token}".encode()):
            return True
        return address is not None and self._is_near(address)

    def figures(self) -> bytes:
        """Every figure; it may wait for the database."""
        return self._figures()

    def _is_near(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:  # a socket of another kind
            return False
        plain = getattr(found, "ipv4_mapped", None) or found
        return any(plain in net for net in self._settings.metrics_nets)


def serve_figures(exposition: Exposition, host: str, port: int) -> ThreadingHTTPServer:
    """Serve `/metrics` in threads of their own until `shutdown`; OSError where the port is taken."""
    server = ThreadingHTTPServer((host, port), _handler(exposition))
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def _handler(exposition: Exposition) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            """Answer a scrape."""
            admitted = exposition.admits(self.client_address[0], self.headers.get("Authorization"))
            if self.path.partition("?")[0] != "/metrics" or not admitted:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            body = exposition.figures()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: object) -> None:
            """Nothing: scrapes are no events."""

    return Handler
