"""Results on their way to readers: from the store in pieces, at no time more of one than a piece in memory."""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from leanpix.domain.errors import ReadersError
from leanpix.service.open_files import WholeContent
from leanpix.service.ports import Blobs, BlobStream
from leanpix.web.compat import Json

_THREADS = 8
_RETRY_S = 2.0
_BASE64_GROUP = 3
_FEW = 4  # this part of all readers
_PARTIAL = 206
# Up to here a result is read as a whole: each piece is a hand-over to a thread and back, which costs more than to read.
_WHOLE_BYTES = 128 * 1024


# What stands in a shape for the base64 text: chosen anew by each process, so that no caller can have written it.
_MARK = secrets.token_hex(16).encode()
PLACEHOLDER = _MARK.decode()


class PartOfContent:
    """The bytes at some offsets of a content, as a content of their own: a picture of a set."""

    def __init__(self, whole: BlobStream, part: range) -> None:
        self._whole, self._part = whole, range(min(part.start, whole.size_bytes), min(part.stop, whole.size_bytes))
        self.size_bytes = len(self._part)

    def __iter__(self) -> Iterator[bytes]:
        """The part's bytes, read up to its end and no further."""
        at = 0
        for piece in self._whole:
            if inside := piece[max(0, self._part.start - at) : max(0, self._part.stop - at)]:
                yield inside
            at += len(piece)
            if at >= self._part.stop:
                return

    def close(self) -> None:
        """Read no further."""
        self._whole.close()


def content_of(blobs: Blobs, blob: str) -> BlobStream | None:
    """A result's content, read already where it is small; None where it is gone. It waits for the store."""
    found = blobs.stream(blob)
    if found is None or isinstance(found, WholeContent) or found.size_bytes > _WHOLE_BYTES:
        return found
    return WholeContent(b"".join(found))


@dataclass(slots=True)
class Readers:
    """Who reads results at the moment: so many in all, of one result, and of one key's. Used by one event loop.

    Of one key's results as many may read as could read others' then, so that one key's slow readers, each of another
    result, keep nobody from his own. Whose results they are is not asked while there are few.
    """

    most: int
    most_of_one: int
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_THREADS))
    _of: Counter[str] = field(default_factory=Counter)
    _of_key: Counter[str] = field(default_factory=Counter)

    @property
    def are_many(self) -> bool:
        """Whether it matters whose results are being read."""
        return self._of.total() >= self.most // _FEW

    def enter(self, blob: str, key_id: str) -> None:
        """Count one more; ReadersError. key_id: whose result it is, or empty."""
        if self._of[blob] >= self.most_of_one:
            raise ReadersError(f"HTTP 429: this result is being read {self.most_of_one} times at once", _RETRY_S)
        left = self.most - self._of.total() - 1
        if left < 0:
            raise ReadersError("HTTP 429: too many results are being read at the moment; try again", _RETRY_S)
        if key_id and self._of_key[key_id] and self._of_key[key_id] + 1 > left:
            raise ReadersError("HTTP 429: too many results of this key are being read at the moment", _RETRY_S)
        self._of[blob] += 1
        self._of_key[key_id] += 1

    def leave(self, blob: str, key_id: str) -> None:
        """Count one less."""
        for counted, name in ((self._of, blob), (self._of_key, key_id)):
            counted[name] -= 1
            if counted[name] <= 0:
                del counted[name]


@dataclass(frozen=True, slots=True)
class Reading:
    """A result that is to be sent: the name it is counted by, and its content, which is read as it is sent.

    key_id: whose it is, or empty where that does not matter (`Readers.are_many`).

    Each method gives the answer to the request, or raises ReadersError; HEAD is answered without reading anything.
    """

    request: Request
    readers: Readers
    blob: str
    content: BlobStream
    key_id: str

    def file(self, media_type: str, headers: Mapping[str, str]) -> Response:
        """The content as it is."""
        if isinstance(self.content, WholeContent) and self.request.method != "HEAD":
            self.readers.enter(self.blob, self.key_id)
            return _SentWhole(self, self.content.content, media_type, headers)
        return self._answer(self._pieces(), media_type, headers, self.content.size_bytes)

    def part(self, wanted: range, media_type: str, headers: Mapping[str, str]) -> Response:
        """The content's bytes at these offsets."""
        told = f"bytes {wanted.start}-{wanted.stop - 1}/{self.content.size_bytes}"
        answer = self._answer(self._cut(wanted), media_type, {**headers, "Content-Range": told}, len(wanted))
        answer.status_code = _PARTIAL
        return answer

    def archive(self, media_type: str, headers: Mapping[str, str]) -> Response:
        """The same, of a content whose length is not known before its end."""
        return self._answer(self._pieces(), media_type, headers, None)

    def within(self, shape: Json, headers: Mapping[str, str]) -> Response:
        """JSON with the content as base64 in the place of PLACEHOLDER."""
        before, _, after = json.dumps(shape, ensure_ascii=False, separators=(",", ":")).encode().partition(_MARK)
        encoded_bytes = (self.content.size_bytes + _BASE64_GROUP - 1) // _BASE64_GROUP * 4
        length = len(before) + encoded_bytes + len(after)
        return self._answer(self._encoded(before, after), "application/json", headers, length)

    def _answer(
        self, pieces: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str], length: int | None
    ) -> Response:
        sized = dict(headers) if length is None else {**headers, "Content-Length": str(length)}
        try:
            if self.request.method == "HEAD":
                self.content.close()
                return Response(None, media_type=media_type, headers=sized)
            self.readers.enter(self.blob, self.key_id)
        except ReadersError:
            self.content.close()
            raise
        return _Sent(self, pieces, media_type, sized)

    async def _pieces(self) -> AsyncIterator[bytes]:
        if isinstance(self.content, WholeContent):
            yield self.content.content
            return
        chunks = iter(self.content)
        while (chunk := await to_thread.run_sync(next, chunks, None, limiter=self.readers.threads)) is not None:
            yield chunk

    async def _cut(self, wanted: range) -> AsyncIterator[bytes]:
        at = 0
        async for piece in self._pieces():
            if inside := piece[max(0, wanted.start - at) : max(0, wanted.stop - at)]:
                yield inside
            at += len(piece)
            if at >= wanted.stop:
                return

    async def _encoded(self, before: bytes, after: bytes) -> AsyncIterator[bytes]:
        """Base64 piece by piece: what is no whole group waits for the next."""
        yield before
        rest = b""
        async for piece in self._pieces():
            text = rest + piece
            whole = len(text) - len(text) % _BASE64_GROUP
            rest = text[whole:]
            yield base64.b64encode(text[:whole])
        yield base64.b64encode(rest) + after


class _Sent(StreamingResponse):
    """An answer whose reader is counted until it has been sent, or is not wanted any more."""

    def __init__(
        self, reading: Reading, pieces: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._reading.content.close()
            self._reading.readers.leave(self._reading.blob, self._reading.key_id)


class _SentWhole(Response):
    """The same of a content that is in memory."""

    def __init__(self, reading: Reading, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._reading.readers.leave(self._reading.blob, self._reading.key_id)
