"""A JPEG's own coefficients in fewer bytes: by the kernels; by mozjpeg's wheel without them and for what they leave."""

from __future__ import annotations

import ctypes
import math
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_size_t, c_void_p

import mozjpeg_lossless_optimization as mozjpeg_lossless

from leanpix.engine.codecs.base import Encoded, OverBytesError
from leanpix.engine.libraries.native import native_kernels, until_cpu_s
from leanpix.engine.reading.headers.jpeg import without_metadata

_MOST_PIXELS = 65535**2
"""What a frame's header can name: limits were asked before."""

_DONE, _NO_MEMORY, _LATE, _LARGER = 0, 3, 4, 5  # enum jpeg_outcome of native/jpeg/coefficients.h


def packed(source: bytes, most_cpu_s: float = math.inf, most_bytes: int | None = None) -> Encoded | None:
    """The same picture with the scans and codes that are best for it; its profile stays, other metadata goes.

    None: damaged. TimeoutError: the kernel took more than most_cpu_s of this process' time. OverBytesError: it counted
    more than most_bytes.
    """
    kernel = native_packing()
    data = None if kernel is None else kernel.packed(without_metadata(source), most_cpu_s, most_bytes)
    return _by_wheel(source) if data is None else Encoded(data, "leanpix lossless", is_lossless=True)


def native_packing() -> NativePacking | None:
    """The kernel; None where the native library was not built or is of another build."""
    return native_kernels(NativePacking)


class NativePacking:
    """native/jpeg/pack.c."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._pack, self._free = library.leanpix_jpeg_pack, library.leanpix_free
        self._pack.argtypes = [
            *(c_char_p, c_size_t, c_size_t, c_double, c_size_t),
            *(POINTER(c_void_p), POINTER(c_size_t)),
        ]
        self._pack.restype = c_int
        self._free.argtypes = [c_void_p]
        self._free.restype = None

    def packed(self, source: bytes, most_cpu_s: float = math.inf, most_bytes: int | None = None) -> bytes | None:
        """The file with every segment for applications kept; None: damaged, or of a kind that is not read here.

        Huffman's sequential and progressive kinds with 8 bits are. Raises MemoryError, TimeoutError after most_cpu_s of
        this process' time, and OverBytesError, before they are written, for scans that take more than most_bytes.
        """
        output, size = c_void_p(), c_size_t()
        limits = _MOST_PIXELS, until_cpu_s(most_cpu_s), 0 if most_bytes is None else max(1, most_bytes)
        outcome = self._pack(source, len(source), *limits, byref(output), byref(size))
        if outcome == _LARGER:
            raise OverBytesError
        if outcome == _LATE:
            raise TimeoutError("packing a JPEG took more than the time it had")
        if outcome == _NO_MEMORY:
            raise MemoryError("no memory for a JPEG's coefficients")
        if outcome != _DONE:
            return None
        try:
            return ctypes.string_at(output, size.value)
        finally:
            self._free(output)


def _by_wheel(source: bytes) -> Encoded | None:
    try:
        data = mozjpeg_lossless.optimize(source, mozjpeg_lossless.COPY_MARKERS.ICC)
    except ValueError:
        return None
    return Encoded(data, "mozjpeg lossless", is_lossless=True)
