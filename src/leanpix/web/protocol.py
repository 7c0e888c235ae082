"""HTTP connections that cannot be held open by doing nothing.

uvicorn has no deadline for a request's head, no minimum rate or deadline for its body, no bound on header lines and
none on how long a client may leave an answer unread; this protocol adds them. Every connection looks at itself once
a second.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from leanpix.web.settings import WebSettings

_CHECK_EVERY_S = 1.0


def guarded_protocol(settings: WebSettings) -> type[HttpToolsProtocol]:
    """A protocol class for uvicorn that keeps to these settings' deadlines and bounds."""

    class Guarded(GuardedProtocol):
        limits = settings

    return Guarded


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections whose head or body comes too slowly or whose answer is not taken; refuses large heads."""

    limits: WebSettings

    def __init__(self, config: Config, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on to uvicorn as is
        super().__init__(config, *args, **kwargs)
        self._since = self._written_since = time.monotonic()
        self._received = self._head_bytes = self._head_lines = self._body_bytes = self._unsent = 0
        self._in_head = True
        self._begun = self._refused = False
        self._check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Start the clock of the first head."""
        super().connection_made(transport)
        self._check = self.loop.call_later(_CHECK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        if self._check is not None:
            self._check.cancel()
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

    def on_message_begin(self) -> None:
        """A new request begins."""
        self._head_bytes = self._head_lines = self._body_bytes = 0
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
        if not self._head_too_large():
            super().on_header(name, value)
        elif not self._in_head:
            self._refuse()

    def on_headers_complete(self) -> None:
        """The head is whole: judge it, and start the body's clock."""
        self._in_head, self._received, self._since = False, 0, time.monotonic()
        if self._head_too_large():
            self._refuse()
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
        self._in_head = True
        if not self._refused:
            super().on_message_complete()

    def _head_too_large(self) -> bool:
        return self._head_bytes > self.limits.max_header_bytes or self._head_lines > self.limits.max_headers

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            self.send_400_response("Request head too large.")

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
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._written_since = unsent, time.monotonic()
        return unsent > 0 and time.monotonic() - self._written_since > self.limits.answer_stall_s
