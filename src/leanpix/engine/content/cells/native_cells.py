"""The sums of 4 x 4 pixels that the local criterion rests on, by the native kernels (native/metric/cells.c)."""

from __future__ import annotations

import ctypes
from ctypes import c_int, c_size_t, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.content.cells.numpy_cells import CELL_PX
from leanpix.engine.libraries.native import NEWEST_CPU

_LEVELS = 256


class NativeCells:
    """Cells, by the library. cpu: the newest generation of processors to use."""

    def __init__(self, library: ctypes.CDLL, *, cpu: int = NEWEST_CPU) -> None:
        self._cpu = cpu
        self._source, self._result, self._levels = (
            library.leanpix_source_cells,
            library.leanpix_result_cells,
            library.leanpix_levels,
        )
        shape = (c_size_t, c_size_t, c_int)
        self._source.argtypes = [c_void_p, *shape, c_int, c_void_p, c_void_p, c_void_p]
        self._result.argtypes = [c_void_p, c_void_p, *shape, c_int, c_void_p, c_void_p, c_void_p, c_void_p]
        self._levels.argtypes = [c_void_p, *shape, c_void_p, c_void_p]
        self._source.restype = self._result.restype = c_int
        self._levels.restype = None
        self._halved = library.leanpix_halved_cells
        self._halved.argtypes = [c_void_p, *shape, c_void_p, c_void_p]
        self._halved.restype = c_int
        self._lines = library.leanpix_line_cells
        self._lines.argtypes = [c_void_p, c_void_p, *shape, *(c_void_p,) * 4]
        self._lines.restype = None
        self._moved = library.leanpix_moved_places
        self._moved.argtypes = [c_void_p, *(c_size_t,) * 3, *(c_void_p,) * 5]
        self._moved.restype = c_int
        self._means = library.leanpix_window_means
        self._means.argtypes = [c_void_p, *(c_size_t,) * 5, c_int, c_void_p]
        self._means.restype = c_int

    def source(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint16]]:
        """See Cells.source."""
        height, width, bands = pixels.shape
        shape = (-(-height // CELL_PX), -(-width // CELL_PX))
        sums = np.empty((*shape, bands), np.uint16)
        texture, weights = np.empty(shape, np.uint16), np.zeros(shape, np.uint16)
        failed = self._source(
            *(pixels.ctypes.data, width, height, bands, self._cpu),
            *(sums.ctypes.data, texture.ctypes.data, weights.ctypes.data),
        )
        if failed:
            raise MemoryError("no memory for rows of cells")
        return sums, texture, weights

    def result(
        self, source: NDArray[np.uint8], result: NDArray[np.uint8], weights: NDArray[np.uint16]
    ) -> tuple[NDArray[np.int16], NDArray[np.uint16], NDArray[np.uint32]]:
        """See Cells.result."""
        height, width, bands = source.shape
        differences = np.empty((*weights.shape, bands), np.int16)
        distances, errors = np.empty(weights.shape, np.uint16), np.zeros(weights.shape, np.uint32)
        failed = self._result(
            *(source.ctypes.data, result.ctypes.data, width, height, bands, self._cpu),
            *(weights.ctypes.data, differences.ctypes.data, distances.ctypes.data, errors.ctypes.data),
        )
        if failed:
            raise MemoryError("no memory for rows of cells")
        return differences, distances, errors

    def halved(self, source: NDArray[np.uint8], weights: NDArray[np.uint16]) -> NDArray[np.uint32]:
        """See Cells.halved."""
        height, width, bands = source.shape
        errors = np.zeros(weights.shape, np.uint32)
        failed = self._halved(*(source.ctypes.data, width, height, bands), weights.ctypes.data, errors.ctypes.data)
        if failed:
            raise MemoryError("no memory for rows of cells")
        return errors

    def lines(
        self, source: NDArray[np.uint8], result: NDArray[np.uint8], marked: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """See Cells.lines."""
        height, width, bands = source.shape
        marks = np.ascontiguousarray(marked, np.uint8)
        found = np.empty((3, *marks.shape), np.int32)
        self._lines(
            *(source.ctypes.data, result.ctypes.data, width, height, bands),
            *(marks.ctypes.data, *(plane.ctypes.data for plane in found)),
        )
        return found[0], found[1], found[2]

    def levels(self, pixels: NDArray[np.uint8], marked: NDArray[np.bool_]) -> NDArray[np.uint32]:
        """See Cells.levels."""
        height, width, bands = pixels.shape
        counts = np.zeros(_LEVELS, np.uint32)
        marks = np.ascontiguousarray(marked, np.uint8)
        self._levels(pixels.ctypes.data, width, height, bands, marks.ctypes.data, counts.ctypes.data)
        return counts

    def means(self, values: NDArray[np.float32], down: int, across: int) -> NDArray[np.float32]:
        """See Cells.means."""
        values = np.ascontiguousarray(values)
        rows, columns, bands = values.shape
        out = np.empty((rows + 1 - down, columns + 1 - across, bands), np.float32)
        if self._means(values.ctypes.data, rows, columns, bands, down, across, self._cpu, out.ctypes.data):
            raise MemoryError("no memory for windows of cells")
        return out

    def moved(
        self, moved: NDArray[np.float32], room: NDArray[np.float32], tint: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """See Cells.moved."""
        given = [np.ascontiguousarray(one, np.float32) for one in (moved, room, tint)]
        found = np.empty((3, *room.shape), np.float32)
        values, *places = (one.ctypes.data for one in given)
        if self._moved(values, *moved.shape, *places, *(plane.ctypes.data for plane in found)):
            raise MemoryError("no memory for places that moved")
        return found[0], found[1], found[2]
