"""A body's content coding undone as it comes: never more bytes than are allowed, however few were sent."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from leanpix.fetching.coded import CUT, PIECE_BYTES
from leanpix.fetching.refusal import FetchError, FetchRefusal

if TYPE_CHECKING:
    from leanpix.service.ports import Sink

# Each member's end copies what is left of the piece: a flood of empty ones would cost the square of its length.
_MOST_MEMBERS = 32
_MOST_CODINGS = 3
_IDENTITY = {"", "identity"}
_GZIP_WBITS, _ZLIB_WBITS, _RAW_WBITS = 31, 15, -15
_ZLIB_METHOD = 8
_READ = "read are gzip, deflate, br, zstd, aws-chunked and plain bodies"


class BodyDecoder(Protocol):
    """Takes a body as it was sent."""

    def write(self, piece: bytes, /) -> int:
        """The next piece; FetchError where it cannot be decoded or comes to too much."""

    def end(self) -> None:
        """The body has ended; FetchError where its content is not whole."""


def decoder_for(fields: Iterable[bytes], into: Sink, max_bytes: int) -> BodyDecoder:
    """What undoes the codings that the Content-Encoding fields name, and writes at most so many bytes.

    The last one named was put on last, and is undone first; what comes between two of them is bounded as the content
    is. Raises FetchError for a coding that is not read here, and for more than three.
    """
    named = [coding.strip().lower() for field in fields for coding in field.decode("latin-1").split(",")]
    codings = [coding for coding in named if coding not in _IDENTITY]
    if len(codings) > _MOST_CODINGS:
        raise FetchError(FetchRefusal.SOURCE_ENCODING, f"{len(codings)} codings at once")
    decoder: BodyDecoder = _Plain(into, max_bytes)
    for coding in codings:
        decoder = _Stage(_undone(coding, _Plain(decoder, max_bytes)), decoder)
    return decoder


def _undone(coding: str, into: Sink) -> BodyDecoder:
    match coding:
        case "gzip" | "x-gzip":
            return _Inflated(into, is_gzip=True)
        case "deflate":
            return _Inflated(into, is_gzip=False)
        case "br" | "zstd":
            # Two libraries that most servers never need: what is fetched is told that gzip is enough.
            from leanpix.fetching.newer_codings import BrotliDecoder, ZstdDecoder  # noqa: PLC0415 - see above

            return BrotliDecoder(into) if coding == "br" else ZstdDecoder(into)
        case "aws-chunked":
            return _AwsChunked(into)
        case _:
            raise FetchError(FetchRefusal.SOURCE_ENCODING, f"{coding}: {_READ}")


class _Stage:
    """A decoder whose output another one takes: both have to end whole."""

    def __init__(self, decoder: BodyDecoder, further: BodyDecoder) -> None:
        self.write, self._decoder, self._further = decoder.write, decoder, further

    def end(self) -> None:
        self._decoder.end()
        self._further.end()


class _Plain:
    """A body that is its content, counted."""

    def __init__(self, into: Sink, max_bytes: int) -> None:
        self._into, self._left, self._most = into, max_bytes, max_bytes

    def write(self, piece: bytes, /) -> int:
        self._left -= len(piece)
        if self._left < 0:
            raise FetchError(FetchRefusal.SOURCE_TOO_LARGE, f"more than {self._most} bytes")
        self._into.write(piece)
        return len(piece)

    def end(self) -> None:
        """It ends where it ends."""


class _Inflated:
    """gzip of one member or a few, or deflate with its zlib frame or (as some servers send it) without."""

    def __init__(self, into: Sink, *, is_gzip: bool) -> None:
        self._into, self._is_gzip = into, is_gzip
        self._inflater = zlib.decompressobj(_GZIP_WBITS) if is_gzip else None
        self._members = 1

    def write(self, piece: bytes, /) -> int:
        data = piece
        try:
            while data:
                data = self._inflate(data)
        except zlib.error as error:
            raise FetchError(FetchRefusal.SOURCE_ENCODING, str(error)) from error
        return len(piece)

    def end(self) -> None:
        if self._inflater is None or not self._inflater.eof:
            raise FetchError(FetchRefusal.SOURCE_ENCODING, CUT)

    def _inflate(self, data: bytes) -> bytes:
        """Decode a bounded piece of it; what is left."""
        if self._inflater is None:
            has_frame = data[0] & 0x0F == _ZLIB_METHOD
            self._inflater = zlib.decompressobj(_ZLIB_WBITS if has_frame else _RAW_WBITS)
        elif self._inflater.eof:
            if not self._is_gzip or data[:1] != b"\x1f":
                return b""  # what follows the content is padding
            self._members += 1
            if self._members > _MOST_MEMBERS:
                raise FetchError(FetchRefusal.SOURCE_ENCODING, f"more than {_MOST_MEMBERS} gzip members")
            self._inflater = zlib.decompressobj(_GZIP_WBITS)
        self._into.write(self._inflater.decompress(data, PIECE_BYTES))
        return self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail


class _AwsChunked:
    """The framing of an upload to S3: pieces behind their length in hexadecimal digits and a signature.

    Most stores undo it and repeat its name all the same; then the body begins otherwise, and is its own content. No
    picture begins with such a line.
    """

    _LINE = re.compile(rb"([0-9a-fA-F]{1,8})(?:;[!-~]{1,200})?\r\n")
    _LONGEST_LINE = 212

    def __init__(self, into: Sink) -> None:
        self._into = into
        self._held = b""
        self._is_framed: bool | None = None
        self._left = 0  # of the piece that comes
        self._has_ended = False

    def write(self, piece: bytes, /) -> int:
        if self._is_framed is False:
            self._into.write(piece)
            return len(piece)
        self._held = b"" if self._has_ended else self._held + piece  # trailing fields say nothing
        while self._held and not self._has_ended and self._step():
            pass
        return len(piece)

    def end(self) -> None:
        if self._is_framed is None:
            self._into.write(self._held)
        elif self._is_framed and not self._has_ended:
            raise FetchError(FetchRefusal.SOURCE_ENCODING, CUT)

    def _step(self) -> bool:
        """Take what can be taken of what is held; False where more has to come."""
        if self._left:
            content, self._held = self._held[: self._left], self._held[self._left :]
            self._left -= len(content)
            self._into.write(content)
            return True
        # Behind each piece but before its first there is an end of line.
        start = 2 if self._is_framed else 0
        line = self._LINE.match(self._held, start)
        if line is not None:
            self._is_framed, self._left = True, int(line[1], 16)
            self._has_ended = self._left == 0
            self._held = self._held[line.end() :]
            return True
        if len(self._held) - start < self._LONGEST_LINE and b"\n" not in self._held[start:]:
            return False
        if self._is_framed:
            raise FetchError(FetchRefusal.SOURCE_ENCODING, "aws-chunked: a broken line between two pieces")
        self._is_framed = False
        self._into.write(self._held)
        self._held = b""
        return False
