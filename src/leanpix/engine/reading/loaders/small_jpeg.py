"""Small JPEGs by the kernels' own reader, where nothing of them is damaged or unusual (docs/decisions/0316)."""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_int, c_size_t, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.libraries.native import NEWEST_CPU, native_kernels

_MOST_PIXELS = 640 * 800
"""From here on what libvips takes to build a pipeline and to wake its thread is little of what it takes."""

_DONE = 0  # enum jpeg_outcome of native/jpeg/coefficients.h


class NativeJpegReader:
    """native/jpeg/decode.c. cpu: the newest generation of processors to use; pixels are the same by all."""

    def __init__(self, library: ctypes.CDLL, *, cpu: int = NEWEST_CPU) -> None:
        self._cpu, self._decode = cpu, library.leanpix_jpeg_decode
        self._decode.argtypes = [c_char_p, *(c_size_t,) * 3, c_int, c_int, c_void_p]
        self._decode.restype = c_int

    def decoded(self, source: bytes, width: int, height: int, bands: int) -> NDArray[np.uint8] | None:
        """(height, width, bands) of a whole and plain JPEG, to the bit as libjpeg-turbo's; None of any other."""
        pixels = np.empty((height, width, bands), np.uint8)
        outcome = self._decode(source, len(source), width, height, bands, self._cpu, pixels.ctypes.data)
        return pixels if outcome == _DONE else None


def is_small(width: int, height: int) -> bool:
    """Whether a picture is so small that it is to be read here."""
    return width * height <= _MOST_PIXELS


def decoded_small(source: bytes, width: int, height: int, bands: int) -> NDArray[np.uint8] | None:
    """The same, where the kernels were built."""
    reader = native_kernels(NativeJpegReader)
    return None if reader is None else reader.decoded(source, width, height, bands)
