"""SSIMULACRA2's maps by the native kernel (native/metric.c)."""

from __future__ import annotations

import ctypes
import weakref
from ctypes import c_char_p, c_int, c_size_t, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.libraries.native import NEWEST_CPU


class NativeMaps:
    """A prepared reference. Comparisons release the GIL and may run side by side, each in memory for rows only."""

    def __init__(
        self,
        library: ctypes.CDLL,
        reference: NDArray[np.uint8],
        needs: NDArray[np.uint8],
        *,
        keep: bool,
        cpu: int = NEWEST_CPU,
    ) -> None:
        _declare(library)
        self._library = library
        self._reference = reference  # the library reads it in place
        self._sums_shape = (len(needs), 3, 3, 2)
        height, width = reference.shape[:2]
        self._handle = library.leanpix_reference_open(
            *(reference.ctypes.data, width, height, _bands(reference), len(needs), needs.tobytes(), int(keep), cpu)
        )
        if not self._handle:
            raise MemoryError("no memory for the metric's reference")
        weakref.finalize(self, library.leanpix_reference_close, self._handle)

    def sums(self, distorted: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The maps' sums against C-contiguous pixels of the reference's shape, as metric_weights.score_of takes."""
        sums = np.zeros(self._sums_shape)
        failed = self._library.leanpix_reference_compare(self._handle, distorted.ctypes.data, sums.ctypes.data)
        if failed:
            raise MemoryError("no memory for the metric's rows")
        return sums


def _bands(pixels: NDArray[np.uint8]) -> int:
    return 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004 - rows and columns only: gray


def _declare(library: ctypes.CDLL) -> None:
    """Tell ctypes the types: its default would cut pointers to 32 bits."""
    library.leanpix_reference_open.argtypes = [
        *(c_void_p, c_size_t, c_size_t, c_int),
        *(c_int, c_char_p, c_int, c_int),
    ]
    library.leanpix_reference_open.restype = c_void_p
    library.leanpix_reference_compare.argtypes = [c_void_p, c_void_p, c_void_p]
    library.leanpix_reference_compare.restype = c_int
    library.leanpix_reference_close.argtypes = [c_void_p]
    library.leanpix_reference_close.restype = None
