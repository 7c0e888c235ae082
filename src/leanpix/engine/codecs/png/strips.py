"""Pictures as PNG, strip by strip: packed as thoroughly as at once in the memory of a strip.

oxipng holds a picture three times, and what libvips streams is 3 to 10 % larger. So each strip's filtered rows become a
deflate stream, and the streams are joined.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import oxipng
from numpy.typing import NDArray

from leanpix.engine.codecs.png.strips_native import NativeStrips, native_strips
from leanpix.engine.content.samples import strips_within
from leanpix.engine.libraries.self_tested import self_tested
from leanpix.engine.reading.headers.png_chunks import SIGNATURE, chunks

_STRIP_BYTES = 8_000_000
_SAMPLE_ROWS, _SAMPLED_ABOVE_ROWS = 8, 200
_SMOOTH_BITS = 3.5
"""A sample: looking for more than a few bytes gains 0.3 % at most above it, up to 3 % below 2."""

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's, by the number of bands."""

_ZLIB_HEADER, _ZLIB_OVERHEAD = b"\x78\xda", (2, 4)
_EMPTY_LAST_BLOCK = b"\x03\x00"
_AS_IT_IS: dict[str, Any] = {
    "level": 1,
    "filter": [oxipng.RowFilter.NoOp],
    "bit_depth_reduction": False,
    "color_type_reduction": False,
    "palette_reduction": False,
    "grayscale_reduction": False,
}


class StripDeflater(Protocol):
    """How strips are packed."""

    def deflated(self, strip: NDArray[np.uint8], pixels_after: int) -> tuple[bytearray, bytes]:
        """The strip's filtered rows, and a raw stream of them that another may follow."""


@dataclass(frozen=True, slots=True)
class ByLibdeflate:
    """What is drawn. level_for: a strip's level, told how many pixels it has, and how many come after it.

    libdeflate is reached inside oxipng, by packing the rows as if they were one row of gray.
    """

    kernel: NativeStrips
    level_for: Callable[[int, int], int]

    def deflated(self, strip: NDArray[np.uint8], pixels_after: int) -> tuple[bytearray, bytes]:
        """As StripDeflater."""
        filtered = self.kernel.filtered(strip, by_repeats=False, first_is_sub=False)
        level = self.level_for(strip.shape[0] * strip.shape[1], pixels_after)
        return filtered, self.kernel.opened(_by_oxipng(filtered, level))


@dataclass(frozen=True, slots=True)
class ByKernel:
    """Photographs, by our own deflate."""

    kernel: NativeStrips
    by_repeats: bool = True
    is_smooth: bool = True

    def deflated(self, strip: NDArray[np.uint8], pixels_after: int) -> tuple[bytearray, bytes]:
        """As StripDeflater."""
        del pixels_after
        filtered = self._filtered(strip)
        return filtered, self.kernel.deflated(filtered, is_smooth=self.is_smooth)

    def bits_a_sample(self, pixels: NDArray[np.uint8]) -> float:
        """What (rows, width, bands) pixels come to, as far as strips of them tell."""
        strips = strips_within(pixels, _SAMPLE_ROWS) if pixels.shape[0] > _SAMPLED_ABOVE_ROWS else [pixels]
        filtered = b"".join(map(self._filtered, strips))
        return 8 * len(self.kernel.deflated(filtered)) / len(filtered)

    def _filtered(self, strip: NDArray[np.uint8]) -> bytearray:
        return self.kernel.filtered(strip, by_repeats=self.by_repeats, first_is_sub=True)


def for_photograph(kernel: NativeStrips, pixels: NDArray[np.uint8]) -> tuple[ByKernel, float]:
    """The way to choose filters that does best on strips of (rows, width, bands) pixels, and the bits a sample."""
    ways = [ByKernel(kernel, by_repeats) for by_repeats in (True, False)]
    bits = [way.bits_a_sample(pixels) for way in ways]
    best = int(np.argmin(bits))
    return replace(ways[best], is_smooth=bits[best] < _SMOOTH_BITS), bits[best]


def packed(pixels: NDArray[np.uint8], profile: bytes | None, deflater: StripDeflater) -> bytes:
    """A PNG of (rows, width, bands) pixels of 8 bits a sample."""
    height_px, width_px, bands = pixels.shape
    pieces, checksum, left = list[bytes](), 1, width_px * height_px
    for strip in _strips_of(pixels):
        left -= strip.shape[0] * width_px
        filtered, stream = deflater.deflated(strip, left)
        checksum = zlib.adler32(filtered, checksum)
        pieces.append(_chunk(b"IDAT", stream))
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, _COLOUR_TYPES[bands], 0, 0, 0)
    end = _chunk(b"IDAT", _EMPTY_LAST_BLOCK + struct.pack(">I", checksum))
    before = [SIGNATURE, _chunk(b"IHDR", header), *_profile_chunk(profile), _chunk(b"IDAT", _ZLIB_HEADER)]
    return b"".join([*before, *pieces, end, _chunk(b"IEND", b"")])


def strips_backend() -> str:
    """How rows are packed strip by strip, and why, for a log: starts with `native` or `libspng`."""
    kernel, reason = _choice()
    return f"{'libspng' if kernel is None else 'native'}: {reason}"


def tested_strips() -> NativeStrips | None:
    """The kernels, where oxipng's streams are such that they can be cut and joined; None where one of both is not."""
    return _choice()[0]


@functools.cache
def _choice() -> tuple[NativeStrips | None, str]:
    """Once a process, when first asked: oxipng starts a thread, which no process that forks may have."""
    works = "libdeflate inside oxipng, strip by strip; the self-test passed"
    return self_tested(_kernel, _difference, works, (ValueError, zlib.error, oxipng.PngError))


def _kernel() -> NativeStrips:
    kernel = native_strips()
    if kernel is None:
        raise ValueError("the native library was not built")
    return kernel


def _difference(kernel: NativeStrips) -> str | None:
    """What is wrong with oxipng's streams, in words; None where nothing is."""
    rows = bytearray(b"\0" + bytes(range(256)) * 4 + b"rows that come again " * 40)
    for level in (7, 10):
        opened = kernel.opened(_by_oxipng(rows, level))
        if zlib.decompress(2 * opened + _EMPTY_LAST_BLOCK, -zlib.MAX_WBITS) != 2 * rows:
            return "oxipng's stream of a row is not the row's bytes behind a filter's number of 0"
    return None


def _strips_of(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Views of (rows, width, bands) pixels, some megabytes each."""
    rows = max(1, _STRIP_BYTES // (pixels.shape[1] * pixels.shape[2]))
    return (pixels[top : top + rows] for top in range(0, pixels.shape[0], rows))


def _by_oxipng(filtered: bytearray, level: int) -> bytes:
    """A raw stream by libdeflate. The first byte, a filter's number of 0, is the one that oxipng puts there."""
    row = oxipng.RawImage(filtered[1:], len(filtered) - 1, 1, color_type=oxipng.ColorType.grayscale())
    made = row.create_optimized_png(**_AS_IT_IS, deflate=oxipng.Deflaters.libdeflater(level))
    first, last = _ZLIB_OVERHEAD
    return b"".join(made[one.start : one.end] for one in chunks(made) if one.name == b"IDAT")[first:-last]


def _profile_chunk(profile: bytes | None) -> list[bytes]:
    return [] if profile is None else [_chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile, 9))]


def _chunk(name: bytes, data: bytes) -> bytes:
    return b"".join([struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))])
