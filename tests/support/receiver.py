"""A receiver of webhooks on a port that stays its own while it is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Message:
    """What arrived: path, headers with names in lower case, body."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Answers with the statuses it was told, then 204, or 200 with its reply; may hold its answers, and be away.

    look: what it does first when a message arrives.
    """

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)
    reply: bytes = b""
    look: Callable[[Message], object] = id
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _web: ThreadingHTTPServer | None = None

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def of(self, task_id: str) -> list[Message]:
        return [message for message in list(self.messages) if message.id == f"msg_{task_id}"]

    def come(self) -> None:
        self.answers.set()
        self._web = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._web.daemon_threads = True
        self.port = self._web.server_address[1]
        threading.Thread(target=self._web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def go(self) -> None:
        if self._web is not None:
            self._web.shutdown()
            self._web.server_close()
            self._web = None

    def take(self, message: Message) -> int:
        self.look(message)
        self.messages.append(message)
        self.answers.wait(60)
        with self._lock:
            return self.statuses.pop(0) if self.statuses else (200 if self.reply else 204)


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(Message(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", receiver.url("/elsewhere"))
            self.end_headers()
            self.wfile.write(receiver.reply)

        def log_message(self, *_arguments: object) -> None:
            """Keep the test output quiet."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # the sender was killed
                return

    return Handler


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that is there."""
    receiver = Receiver()
    receiver.come()
    try:
        yield receiver
    finally:
        receiver.answers.set()
        receiver.go()
