"""Rows filtered, deflated, and deflate streams opened by the native kernels.

native/png_rows.c, native/deflate.c, native/deflate_end.c
"""

from __future__ import annotations

import ctypes
from ctypes import c_int, c_size_t, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.libraries.native import native_kernels

_MORE_BYTES = 5
"""What an opened stream may be longer by."""

_MOST_GROWTH = 1.1
"""Of deflated noise, beside a block's header: 1.001."""

_HEADER_BYTES = 1000


def native_strips() -> NativeStrips | None:
    """The kernels; None where the native library was not built or is of another build."""
    return native_kernels(NativeStrips)


class NativeStrips:
    """What the kernels do."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._filter, self._open = library.leanpix_filter_rows, library.leanpix_open_deflate
        self._deflate = library.leanpix_deflate
        self._filter.argtypes = [c_void_p, c_size_t, c_size_t, c_size_t, c_int, c_int, c_void_p]
        self._filter.restype = c_int
        self._deflate.argtypes = [c_void_p, c_size_t, c_int, c_void_p, c_size_t]
        self._deflate.restype = c_size_t
        self._open.argtypes = [c_void_p, c_size_t]
        self._open.restype = c_size_t

    def filtered(self, pixels: NDArray[np.uint8], *, by_repeats: bool, first_is_sub: bool) -> bytearray:
        """C-contiguous (rows, width, bands) pixels as PNG keeps them: each row after its filter's number.

        Chosen by what comes again within deflate's window, or by pairs of bytes. The first row needs none above:
        its filter is the difference to the left, or none.
        """
        rows, width, bands = pixels.shape
        made = bytearray(rows * (width * bands + 1))
        target = np.frombuffer(made, np.uint8)
        if self._filter(pixels.ctypes.data, rows, width * bands, bands, by_repeats, first_is_sub, target.ctypes.data):
            raise MemoryError("no memory for a few rows")
        return made

    def deflated(self, data: bytes | bytearray, *, is_smooth: bool = True) -> bytes:
        """A raw deflate stream that another one may follow; as small as libdeflate's level 10 for photographs.

        is_smooth: more than a few bytes come again at times, and are looked for, in a quarter more time.
        """
        source = np.frombuffer(data, np.uint8)
        held = np.empty(int(_MOST_GROWTH * len(data)) + _HEADER_BYTES, np.uint8)
        length = self._deflate(source.ctypes.data, len(data), is_smooth, held.ctypes.data, len(held))
        if length == 0:
            raise MemoryError("no memory for a part of a picture")
        return held[:length].tobytes()

    def opened(self, stream: bytes) -> bytes:
        """A raw deflate stream that another one may follow; ValueError where it is none."""
        held = np.zeros(len(stream) + _MORE_BYTES, np.uint8)
        held[: len(stream)] = np.frombuffer(stream, np.uint8)
        length = self._open(held.ctypes.data, len(stream))
        if length == 0:
            raise ValueError("no whole deflate stream")
        return held[:length].tobytes()
