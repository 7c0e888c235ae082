"""What a viewer sees of a picture: itself or, where it has transparency, itself over a dark and a light ground."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import c_int, c_size_t, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.libraries.native import native_kernels

_STRIP_ROWS = 64
_BACKGROUNDS = (26, 229)
"""Transparent pictures are scored over both, as the metric's own reference program does."""

_OPAQUE = 255


def views(pixels: NDArray[np.uint8], *, has_alpha: bool) -> Iterator[NDArray[np.uint8]]:
    """What a viewer sees: the picture itself, or the picture over each ground, made one after the other."""
    if not has_alpha:
        yield _colour(pixels)
        return
    kernel = native_kernels(NativeViews)
    over = over_by_numpy if kernel is None else kernel.over
    for ground in _BACKGROUNDS:
        yield _colour(over(pixels, ground))


class NativeViews:
    """The same as over_by_numpy, by the native kernel (native/metric/over.c)."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._over = library.leanpix_over
        self._over.argtypes, self._over.restype = [c_void_p, c_size_t, c_int, c_int, c_void_p], None

    def over(self, pixels: NDArray[np.uint8], ground: int) -> NDArray[np.uint8]:
        """(rows, width, 2 or 4) pixels over a gray, without alpha."""
        rows, width, bands = pixels.shape
        laid, pixels = np.empty((rows, width, bands - 1), np.uint8), np.ascontiguousarray(pixels)
        self._over(pixels.ctypes.data, rows * width, bands, ground, laid.ctypes.data)
        return laid


def over_by_numpy(pixels: NDArray[np.uint8], ground: int) -> NDArray[np.uint8]:
    """The picture over a gray, strip by strip: 16 bits a sample of the whole are too much for a large one.

    Band by band and without a division: a quarter of the time.
    """
    rows, width, bands = pixels.shape
    laid = np.empty((rows, width, bands - 1), np.uint8)
    for top in range(0, rows, _STRIP_ROWS):
        strip = pixels[top : top + _STRIP_ROWS]
        if strip[:, :, -1].min() == _OPAQUE:
            laid[top : top + _STRIP_ROWS] = strip[:, :, :-1]
            continue
        alpha = strip[:, :, -1].astype(np.uint16)
        shown = (_OPAQUE - alpha) * np.uint16(ground) + np.uint16(_OPAQUE // 2)
        for band in range(bands - 1):
            # Of numbers below 65,535, (n + 1 + n // 256) // 256 is n // 255.
            sums = strip[:, :, band] * alpha + shown
            laid[top : top + _STRIP_ROWS, :, band] = (sums + 1 + (sums >> 8)) >> 8
    return laid


def _colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The metric takes gray without a band axis."""
    return np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
