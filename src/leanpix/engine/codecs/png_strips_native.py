"""Rows filtered and deflate streams opened by the native kernels (native/png_rows.c, native/deflate_end.c)."""

from __future__ import annotations

import ctypes
from ctypes import c_size_t, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.native import native_kernels

_MORE_BYTES = 5
"""What an opened stream may be longer by."""


def native_strips() -> NativeStrips | None:
    """The kernels; None where the native library was not built or is of another build."""
    return native_kernels(NativeStrips)


class NativeStrips:
    """What the kernels do."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._filter, self._open = library.leanpix_filter_rows, library.leanpix_open_deflate
        self._filter.argtypes = [c_void_p, c_size_t, c_size_t, c_size_t, c_void_p]
        self._filter.restype = ctypes.c_int
        self._open.argtypes = [c_void_p, c_size_t]
        self._open.restype = c_size_t

    def filtered(self, pixels: NDArray[np.uint8]) -> bytearray:
        """C-contiguous (rows, width, bands) pixels as PNG keeps them: each row after its filter's number.

        The first row is not filtered: it needs none above it.
        """
        rows, width, bands = pixels.shape
        made = bytearray(rows * (width * bands + 1))
        target = np.frombuffer(made, np.uint8)
        if self._filter(pixels.ctypes.data, rows, width * bands, bands, target.ctypes.data):
            raise MemoryError("no memory for a few rows")
        return made

    def opened(self, stream: bytes) -> bytes:
        """A raw deflate stream that another one may follow; ValueError where it is none."""
        held = np.zeros(len(stream) + _MORE_BYTES, np.uint8)
        held[: len(stream)] = np.frombuffer(stream, np.uint8)
        length = self._open(held.ctypes.data, len(stream))
        if length == 0:
            raise ValueError("no whole deflate stream")
        return held[:length].tobytes()
