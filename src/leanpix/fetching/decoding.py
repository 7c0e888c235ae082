"""A body's content coding undone as it comes: never more bytes than are allowed, however few were sent."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from leanpix.fetching.refusal import FetchError, FetchRefusal

if TYPE_CHECKING:
    from leanpix.service.ports import Sink

_PIECE_BYTES = 65536
# Each member's end copies what is left of the piece: a flood of empty ones would cost the square of its length.
_MOST_MEMBERS = 32
# What object stores repeat of an upload's own framing, which they have undone: it says nothing about this body.
_MEANINGLESS = {"", "identity", "aws-chunked"}
_GZIP_WBITS, _ZLIB_WBITS, _RAW_WBITS = 31, 15, -15
_ZLIB_METHOD = 8


class BodyDecoder(Protocol):
    """Takes a body as it was sent."""

    def write(self, piece: bytes, /) -> int:
        """The next piece; FetchError where it cannot be decoded or comes to too much."""

    def end(self) -> None:
        """The body has ended; FetchError where its content is not whole."""


def decoder_for(fields: Iterable[bytes], into: Sink, max_bytes: int) -> BodyDecoder:
    """What undoes the coding that the Content-Encoding fields name, and writes at most so many bytes.

    Raises FetchError for a coding that is not read here, and for several at once.
    """
    named = [coding.strip().lower() for field in fields for coding in field.decode("latin-1").split(",")]
    codings = [coding for coding in named if coding not in _MEANINGLESS]
    if not codings:
        return _Plain(into, max_bytes)
    if codings in (["gzip"], ["x-gzip"]):
        return _Inflated(into, max_bytes, is_gzip=True)
    if codings == ["deflate"]:
        return _Inflated(into, max_bytes, is_gzip=False)
    if codings == ["zstd"] and sys.version_info >= (3, 14):
        return _Zstd(into, max_bytes)
    raise FetchError(FetchRefusal.SOURCE_ENCODING, f"{', '.join(codings)}: read are gzip, deflate and plain bodies")


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

    def __init__(self, into: Sink, max_bytes: int, *, is_gzip: bool) -> None:
        self._into, self._is_gzip = _Plain(into, max_bytes), is_gzip
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
            raise FetchError(FetchRefusal.SOURCE_ENCODING, "the compressed body ends too early")

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
        self._into.write(self._inflater.decompress(data, _PIECE_BYTES))
        return self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail


if sys.version_info >= (3, 14):
    from compression import zstd

    _LONGEST_WINDOW_LOG = 23  # 8 MB: what RFC 9659 allows a content coding

    class _Zstd:
        """Zstandard in one frame, its window bounded."""

        def __init__(self, into: Sink, max_bytes: int) -> None:
            self._into = _Plain(into, max_bytes)
            options = {zstd.DecompressionParameter.window_log_max: _LONGEST_WINDOW_LOG}
            self._decompressor = zstd.ZstdDecompressor(options=options)

        def write(self, piece: bytes, /) -> int:
            data = piece
            try:
                while not self._decompressor.eof:
                    self._into.write(self._decompressor.decompress(data, _PIECE_BYTES))
                    data = b""
                    if self._decompressor.needs_input:
                        break
            except zstd.ZstdError as error:
                raise FetchError(FetchRefusal.SOURCE_ENCODING, str(error)) from error
            return len(piece)

        def end(self) -> None:
            if not self._decompressor.eof:
                raise FetchError(FetchRefusal.SOURCE_ENCODING, "the compressed body ends too early")
