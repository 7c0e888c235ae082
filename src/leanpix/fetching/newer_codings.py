"""Brotli and Zstandard, by their libraries: loaded where a body comes in one of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import brotli

from leanpix.fetching.coded import CUT, PIECE_BYTES
from leanpix.fetching.refusal import FetchError, FetchRefusal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from leanpix.service.ports import Sink

_LONGEST_WINDOW_LOG = 23  # 8 MB: what RFC 9659 allows a content coding


class ZstdDecoder:
    """Zstandard in one frame, its window bounded."""

    def __init__(self, into: Sink) -> None:
        self._into = into
        options = {int(zstd.DecompressionParameter.window_log_max): _LONGEST_WINDOW_LOG}
        self._decompressor = zstd.ZstdDecompressor(options=options)

    def write(self, piece: bytes, /) -> int:
        """The next piece; FetchError where it cannot be decoded or comes to too much."""
        data = piece
        try:
            while not self._decompressor.eof:
                self._into.write(self._decompressor.decompress(data, PIECE_BYTES))
                data = b""
                if self._decompressor.needs_input:
                    break
        except zstd.ZstdError as error:
            raise FetchError(FetchRefusal.SOURCE_ENCODING, str(error)) from error
        return len(piece)

    def end(self) -> None:
        """The body has ended; FetchError where its content is not whole."""
        if not self._decompressor.eof:
            raise FetchError(FetchRefusal.SOURCE_ENCODING, CUT)


class BrotliDecoder:
    """Brotli, whose window of at most 16 MB is the format's own bound."""

    def __init__(self, into: Sink) -> None:
        self._into, self._decompressor = into, brotli.Decompressor()

    def write(self, piece: bytes, /) -> int:
        """The next piece; FetchError where it cannot be decoded or comes to too much."""
        data = piece
        try:
            while not self._decompressor.is_finished():
                self._into.write(self._decompressor.process(data, output_buffer_limit=PIECE_BYTES))
                data = b""
                if self._decompressor.can_accept_more_data():
                    break
        except brotli.error as error:
            raise FetchError(FetchRefusal.SOURCE_ENCODING, str(error)) from error
        return len(piece)

    def end(self) -> None:
        """The body has ended; FetchError where its content is not whole."""
        if not self._decompressor.is_finished():
            raise FetchError(FetchRefusal.SOURCE_ENCODING, CUT)
