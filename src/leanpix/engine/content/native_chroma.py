"""The spread of chroma within 2 x 2 pixels, by the native kernel (native/metric/chroma.c)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_int, c_size_t, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.libraries.native import NEWEST_CPU


class NativeChroma:
    """The kernel, by the library. cpu: the newest generation of processors to use."""

    def __init__(self, library: ctypes.CDLL, *, cpu: int = NEWEST_CPU) -> None:
        self._cpu = cpu
        self._spread_at = library.leanpix_chroma_spread_at
        tiles = (c_size_t, c_void_p, c_size_t, c_void_p, c_size_t)
        self._spread_at.argtypes = [c_void_p, *(c_size_t,) * 3, c_int, c_int, *tiles, c_size_t]
        self._spread_at.restype = c_int

    def spread_at(
        self, pixels: NDArray[np.uint8], tile_px: int, tops: Sequence[int], lefts: Sequence[int], place: int
    ) -> int:
        """The range that so many of samples.block_ranges' in all tiles are no larger than.

        pixels: (rows, width, bands), their rows contiguous, with a tile at each of these tops and lefts.
        """
        height, width, bands = pixels.shape
        down, across = ((c_size_t * len(starts))(*starts) for starts in (tops, lefts))
        spread: int = self._spread_at(
            *(pixels.ctypes.data, pixels.strides[0], width, height, bands, self._cpu),
            *(tile_px, down, len(tops), across, len(lefts), place),
        )
        if spread < 0:
            raise MemoryError("no memory to count ranges of chroma")
        return spread
