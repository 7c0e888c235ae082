"""An HTTP server that keeps the contract, apart from the faults it is told to commit."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.pictures import encoded, gradient

RESULT = encoded(gradient(32, 32), quality=50)
TASK = "7f3c"


@dataclass(frozen=True)
class Fault:
    """An answer instead of the right one; status 0 hangs up, cut sends so many bytes of the right body only."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    body: bytes | None = None


@dataclass
class Flaky:
    """What to do wrong, by kind of request, and what was asked. state: the task's last state."""

    base: str = ""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    state: int = 1
    polls_under_way: int = 1
    message: str = "success"

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.asked]

    def headers_of(self, kind: str) -> list[dict[str, str]]:
        return [headers for asked, headers, _ in self.asked if asked == kind]

    def answer(self, kind: str) -> bytes:
        """The right body."""
        if kind == "download":
            return RESULT
        if kind == "create":
            return _json({"task_id": TASK})
        self.polls_under_way -= 1
        if self.polls_under_way >= 0:
            return _json({"task_id": TASK, "state": 4, "progress": 40})
        if self.state != 1:
            return _json({"task_id": TASK, "state": self.state, "progress": 99}, self.message)
        image = f"{self.base}/files/a.jpg?s=1"
        return _json({"task_id": TASK, "state": 1, "progress": 100, "image": image, "completed_at": "1700000000"})


def _json(data: dict[str, object], message: str = "success") -> bytes:
    return json.dumps({"status": 200, "message": message, "data": data}).encode()


@contextmanager
def flaky_server() -> Iterator[Flaky]:
    """A server on loopback, with its script."""
    script = Flaky()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._serve("create")

        def do_GET(self) -> None:
            self._serve("download" if self.path.startswith("/files/") else "query")

        def _serve(self, kind: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            script.asked.append((kind, {k.lower(): v for k, v in self.headers.items()}, body))
            queued = script.faults.get(kind, [])
            fault = queued.pop(0) if queued else Fault(200)
            if fault.status == 0:
                self._hang_up()
                return
            right = script.answer(kind) if fault.status == 200 else _json({}, f"HTTP {fault.status}: try later")
            content = right if fault.body is None else fault.body
            self.send_response(fault.status)
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "image/jpeg" if kind == "download" else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: fault.cut])
            if fault.cut is not None:
                self._hang_up()

        def _hang_up(self) -> None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_arguments: object) -> None:
            """Keep the test output quiet."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    script.base = f"http://127.0.0.1:{web.server_address[1]}"
    try:
        yield script
    finally:
        web.shutdown()
        web.server_close()
        thread.join()
