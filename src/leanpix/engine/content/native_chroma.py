"""The spread of chroma within 2 x 2 pixels, by the native kernel (native/metric/chroma.c)."""

from __future__ import annotations

import ctypes
from ctypes import c_int, c_size_t, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.libraries.native import NEWEST_CPU


class NativeChroma:
    """The kernel, by the library. cpu: the newest generation of processors to use."""

    def __init__(self, library: ctypes.CDLL, *, cpu: int = NEWEST_CPU) -> None:
        self._cpu = cpu
        self._spreads = library.leanpix_chroma_spreads
        self._spreads.argtypes = [c_void_p, c_size_t, c_size_t, c_size_t, c_int, c_int, c_void_p]
        self._spreads.restype = None

    def spreads(self, tile: NDArray[np.uint8]) -> NDArray[np.uint16]:
        """As samples.block_ranges has them, of a part of C-contiguous pixels."""
        height, width, bands = tile.shape
        spreads = np.empty((height // 2) * (width // 2), np.uint16)
        self._spreads(tile.ctypes.data, tile.strides[0], width, height, bands, self._cpu, spreads.ctypes.data)
        return spreads
