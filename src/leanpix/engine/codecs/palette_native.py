"""Palettes chosen, and pixels mapped to them, by the native kernels (native/palette_choose.c, native/palette.c)."""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_double, c_float, c_int, c_size_t, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.libraries.native import native_kernels

MAX_COLOURS = 256
_MOST_ERROR = 16 / 65536
"""Squared, in the kernel's space: beyond it an error is a colour that the palette does not have."""


def native_palettes() -> NativePalettes | None:
    """The kernel; None where the native library was not built or is of another build."""
    return native_kernels(NativePalettes)


class NativePalettes:
    """What the kernel does. pixels are C-contiguous (rows, width, 1 to 4) uint8, palettes (colours, 4) uint8 RGBA."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._map, self._count = library.leanpix_map_to_palette, library.leanpix_few_colours
        self._choose = library.leanpix_choose_palette
        self._map.argtypes = [
            *(c_void_p, c_size_t, c_size_t, c_int),
            *(c_char_p, c_int, c_float, c_float, c_float, c_void_p),
        ]
        self._map.restype = c_int
        self._count.argtypes = [c_void_p, c_size_t, c_int, c_void_p]
        self._count.restype = c_int
        self._choose.argtypes = [c_void_p, c_size_t, c_int, c_int, c_double, c_void_p]
        self._choose.restype = c_int

    def few_colours(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """All colours of a picture that has at most 256, else None. Fully transparent pixels count as one."""
        rows, width, bands = pixels.shape
        colours = np.zeros((MAX_COLOURS, 4), np.uint8)
        count = self._count(pixels.ctypes.data, rows * width, bands, colours.ctypes.data)
        return colours[:count] if count <= MAX_COLOURS else None

    def chosen(self, pixels: NDArray[np.uint8], most_error: float) -> NDArray[np.uint8]:
        """Up to 256 RGBA colours for at most 16 million pixels, as few as a mean squared error in its space allows."""
        rows, width, bands = pixels.shape
        colours = np.zeros((MAX_COLOURS, 4), np.uint8)
        count = self._choose(pixels.ctypes.data, rows * width, bands, MAX_COLOURS, most_error, colours.ctypes.data)
        if count < 0:
            raise MemoryError("no memory for a palette's choice")
        return colours[:count]

    def indices(
        self, pixels: NDArray[np.uint8], palette: NDArray[np.uint8], dither: float, tolerance: float = 0.0
    ) -> bytearray:
        """A byte a pixel, the nearest colour of the palette, dither (0 to 1) of each error carried on.

        tolerance, a squared distance in the kernel's space: how much further the colour of the pixel before may be to
        be kept.
        """
        rows, width, bands = pixels.shape
        found = bytearray(rows * width)
        target = np.frombuffer(found, np.uint8)
        failed = self._map(
            *(pixels.ctypes.data, width, rows, bands),
            *(palette.tobytes(), len(palette), dither, _MOST_ERROR, tolerance, target.ctypes.data),
        )
        if failed:
            raise MemoryError("no memory for a palette's cells")
        return found
