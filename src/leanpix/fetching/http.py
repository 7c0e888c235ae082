"""One HTTP/1.1 request and its answer over a stream: counted and timed as the bytes come in.

h11 knows the grammar and nothing else: no pool, no redirect, no proxy, no cookie, no decoding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import h11

from leanpix.fetching.deadline import Deadline
from leanpix.fetching.refusal import FetchError, FetchRefusal
from leanpix.fetching.settings import FetchSettings
from leanpix.fetching.stream import Stream
from leanpix.service.ports import Sink

Headers = list[tuple[str, str]]
_HEAD_PIECE_BYTES = 4096
_BODY_PIECE_BYTES = 65536
# Chunk headers and extensions: chunks of 512 bytes stay below it for 30 MB, a flood of one-byte chunks does not.
_MAX_FRAMING_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Status and header fields of an answer; names in lower case."""

    status: int
    fields: tuple[tuple[bytes, bytes], ...]

    def values(self, name: bytes) -> list[bytes]:
        """Every value of a field, in order."""
        return [value for key, value in self.fields if key == name]


class Exchange:
    """Sends one request, then reads the answer's head, then its body."""

    def __init__(self, stream: Stream, settings: FetchSettings, deadline: Deadline) -> None:
        self._stream, self._settings, self._deadline = stream, settings, deadline
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=settings.fetch_max_header_bytes)

    def send(self, method: str, path: str, headers: Headers, body: bytes = b"") -> None:
        """Write the whole request. Raises FetchError."""
        request = h11.Request(method=method, target=path, headers=headers)
        events = [request, *([h11.Data(data=body)] if body else []), h11.EndOfMessage()]
        pieces = [self._parser.send(event) or b"" for event in events]
        self._stream.send(b"".join(pieces), self._deadline)

    def head(self) -> Head:
        """The final answer's head, 1xx ones passed over; all of them count against the header's limit."""
        deadline = self._deadline.within(self._settings.fetch_first_byte_timeout_s, "the answer's header")
        room = self._settings.fetch_max_header_bytes
        while not isinstance(event := self._next_event(), h11.Response):
            if event is not None:
                continue
            if room == 0:
                raise FetchError(FetchRefusal.SOURCE_INVALID, "the header is too large")
            piece = self._stream.receive(min(room, _HEAD_PIECE_BYTES), deadline)
            room -= len(piece)
            self._parser.receive_data(piece)
        if len(event.headers) > self._settings.fetch_max_headers:
            raise FetchError(FetchRefusal.SOURCE_INVALID, "too many header fields")
        return Head(event.status_code, tuple(event.headers))

    def body(self, max_bytes: int, into: Sink, *, within_s: float = math.inf) -> None:
        """Write the body as it comes, at most that many bytes, for at most so long.

        Raises FetchError, SOURCE_TOO_LARGE before the first byte too many is kept.
        """
        size, wire_bytes, started = 0, 0, self._deadline.now()
        self._deadline = self._deadline.within(within_s, "the whole body")
        while not isinstance(event := self._next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                size += len(event.data)
                if size > max_bytes:
                    raise FetchError(FetchRefusal.SOURCE_TOO_LARGE, f"more than {max_bytes} bytes")
                into.write(bytes(event.data))
                continue
            piece = self._stream.receive(_BODY_PIECE_BYTES, self._body_deadline(started, size))
            wire_bytes += len(piece)
            if wire_bytes - size > _MAX_FRAMING_BYTES:
                raise FetchError(FetchRefusal.SOURCE_INVALID, "more framing than content")
            self._parser.receive_data(piece)

    def _body_deadline(self, started: float, size: int) -> Deadline:
        """The earliest of the total, the idle time and the moment at which the average rate falls too low."""
        settings = self._settings
        paid_for_s = settings.fetch_rate_grace_s + size / settings.fetch_min_bytes_per_s
        return self._deadline.within(settings.fetch_idle_timeout_s, "the next bytes of the body").within(
            paid_for_s, "a body at the slowest rate allowed", since=started
        )

    def _next_event(self) -> h11.Event | None:
        """The next part of the answer, None when more bytes are needed for it."""
        try:
            event = self._parser.next_event()
        except h11.RemoteProtocolError as error:
            raise FetchError(FetchRefusal.SOURCE_INVALID, str(error)) from error
        if event is h11.NEED_DATA:
            return None
        if isinstance(event, h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage):
            return event
        raise FetchError(FetchRefusal.SOURCE_INVALID, "no whole answer")
