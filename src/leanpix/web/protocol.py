"""HTTP connections that cannot be held open by doing nothing.

uvicorn has no deadline for a request's head, no minimum rate or deadline for its body, no bound on header lines and
none on how long a client may leave an answer unread; this protocol adds them, and a bound on connections. Every
connection looks at itself once a second.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from leanpix.web.answer_transport import AnswerTransport
from leanpix.web.settings import WebSettings

_CHECK_EVERY_S = 1.0


def guarded_protocol(settings: WebSettings, most_connections: int) -> type[HttpToolsProtocol]:
    """A protocol class for uvicorn that keeps to these settings' deadlines and bounds, and to so many connections."""

    class Guarded(GuardedProtocol):
        limits = settings
        most = most_connections
        connected: ClassVar[dict[GuardedProtocol, None]] = {}  # the oldest first

    return Guarded


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections whose head or body comes too slowly or whose answer is not taken; refuses large heads."""

    limits: WebSettings
    most: int
    connected: ClassVar[dict[GuardedProtocol, None]]

    def __init__(self, config: Config, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on to uvicorn as is
        super().__init__(config, *args, **kwargs)
        self._since = self._written_since = time.monotonic()
        self._received = self._head_bytes = self._head_lines = self._body_bytes = self._unsent = 0
        self._in_head = True
        self._begun = self._refused = False
        self._hosts = 0
        self._taken_before = 0
        self._backlog_since: float | None = None
        self._check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Start the clock of the first head; one connection too many takes the place of the one idle longest."""
        self._counted = AnswerTransport(transport, lambda: self.cycle)
        super().connection_made(self._counted)  # type: ignore[arg-type] # it is one in all that is asked of it
        self.connected[self] = None
        if len(self.connected) > self.most:
            idle = min((one for one in self.connected if one.is_idle), key=lambda one: one.idle_since, default=self)
            idle.transport.abort()
        self._check = self.loop.call_later(_CHECK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        if self._check is not None:
            self._check.cancel()
        self.connected.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what arrives; the head's bytes are bounded before the parser collects them."""
        if self._refused:
            return
        if self._in_head:
            if self._received == 0:
                self._since = time.monotonic()
            self._received += len(data)
            # Body bytes may follow in the same read, so only a read that ends inside the head counts in full.
            if self._received > self.limits.max_header_bytes and b"\r\n\r\n" not in data:
                self._refuse()
                return
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn leaves out what asyncio asks for
        """Whether to stay: a client may send no more once its request is whole, and still waits for the answer."""
        is_secure = self.transport.get_extra_info("sslcontext") is not None  # TLS knows no half of a connection
        if is_secure or self.is_idle or not self._in_head:
            return False
        self.cycle.keep_alive = False
        return True

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way here: its head has not come yet, or its answer is out.

        A body may still come then, or never: nobody is interested in it any more.
        """
        return not self._begun or bool(self.cycle.response_complete)

    @property
    def idle_since(self) -> float:
        """Since when, where it is idle: a head that trickles in does not make it younger."""
        return self._since

    def on_message_begin(self) -> None:
        """A new request begins."""
        self._head_bytes = self._head_lines = self._body_bytes = self._hosts = 0
        self._in_head = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header line; the trailers of a chunked body come here too, after the head was judged."""
        self._head_bytes += len(name) + len(value) + 4
        self._head_lines += 1
        self._hosts += self._in_head and name.lower() == b"host"
        if not self._head_too_large():
            super().on_header(name, value)
        elif not self._in_head:
            self._refuse()

    def on_headers_complete(self) -> None:
        """The head is whole: judge it, and start the body's clock."""
        self._in_head, self._received, self._since = False, 0, time.monotonic()
        if self._head_too_large():
            self._refuse()
        elif self._hosts > 1:  # whoever stands before this server may have judged the request by the other one
            self._refuse("More than one Host header.")
        if self._refused:
            return
        self._begun = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the body's bytes."""
        self._body_bytes += len(body)
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: the next bytes are another head's."""
        self._in_head, self._since = True, time.monotonic()
        if not self._refused:
            super().on_message_complete()

    def _head_too_large(self) -> bool:
        return self._head_bytes > self.limits.max_header_bytes or self._head_lines > self.limits.max_headers

    def _refuse(self, words: str = "Request head too large.") -> None:
        if not self._refused:
            self._refused = True
            self.send_400_response(words)

    def _look(self) -> None:
        if self._answer_is_not_taken():
            self.transport.abort()  # closing would wait for the very bytes that nobody reads
            return
        if not self.transport.is_closing() and (self._head_is_late() or self._body_is_late()):
            self.transport.close()
        self._check = self.loop.call_later(_CHECK_EVERY_S, self._look)

    def _head_is_late(self) -> bool:
        first_or_begun = not self._begun or self._received > 0
        waiting = self._in_head and first_or_begun
        return waiting and time.monotonic() - self._since > self.limits.header_timeout_s

    def _body_is_late(self) -> bool:
        """Whether the body is slow, takes too long, or goes on long after its request was answered."""
        if self._in_head or not self._begun or self.flow.read_paused:
            return False
        elapsed = time.monotonic() - self._since
        slow = self._body_bytes < elapsed * self.limits.min_upload_bytes_per_s
        if self.cycle.response_complete:
            slow = True
        return (slow and elapsed > self.limits.body_grace_s) or elapsed > self.limits.body_timeout_s

    def _answer_is_not_taken(self) -> bool:
        """Whether what waits for the client has stood still, is taken too slowly, or for too long."""
        now, unsent = time.monotonic(), self.transport.get_write_buffer_size()
        taken = self._counted.written_bytes - unsent
        if unsent == 0:
            self._backlog_since = None
            return False
        if self._backlog_since is None:
            self._backlog_since, self._taken_before = now, taken
        if unsent != self._unsent:
            self._unsent, self._written_since = unsent, now
        waited = now - self._backlog_since
        slow = taken - self._taken_before < waited * self.limits.min_download_bytes_per_s
        stalled = now - self._written_since > self.limits.answer_stall_s
        return stalled or waited > self.limits.answer_timeout_s or (slow and waited > self.limits.answer_stall_s)
