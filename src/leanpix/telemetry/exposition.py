"""Who may read the figures, and an HTTP server for a process that has no API: its figures, and whether it lives."""

from __future__ import annotations

import hmac
import socket
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


def serve_figures(exposition: Exposition, is_alive: Callable[[], bool], listener: socket.socket) -> None:
    """Serve `/metrics` and `/healthz` on a listening socket, in threads of their own that end with the process."""
    server = ThreadingHTTPServer(listener.getsockname()[:2], _handler(exposition, is_alive), bind_and_activate=False)
    server.socket.close()  # it is of one kind of address, whatever is meant
    server.socket = listener
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _handler(exposition: Exposition, is_alive: Callable[[], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            """Answer a scrape, or a probe: 200 to anybody while the process works, 503 once it does not."""
            if self.path == "/healthz":
                alive = is_alive()
                status = HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, "application/json", b'{"status":"ok"}' if alive else b'{"status":"stopped"}')
                return
            admitted = exposition.admits(self.client_address[0], self.headers.get("Authorization"))
            if self.path.partition("?")[0] != "/metrics" or not admitted:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self._answer(HTTPStatus.OK, CONTENT_TYPE, exposition.figures())

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: object) -> None:
            """Nothing: scrapes are no events."""

    return Handler
