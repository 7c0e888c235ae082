"""Thin lines a few levels off flat ground, such as a chart's grid, and how much of them a result keeps.

A line of one pixel moves the mean of 8 by an eighth of what it differs by: measures of means do not see it go. Here
the rows and the columns of cells of 4 x 4 pixels are compared, and only on ground that is flat but for them: a camera's
grain is in every cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.content.cells import SourceCells
from leanpix.engine.content.cells.source import (
    DARK_LEVEL,
    EDGE_REACH,
    GROUND_WINDOW,
    brightest,
    largest_around,
    mean_around,
    window_means,
)

Plane = NDArray[np.float32]

LINE_WINDOW = 6
"""Cells a side."""

_FLAT, _FLAT_SHARE = 0.15, 0.5
"""The mean step of a cell with the edge of one level at most; how many cells around are that flat at least."""

_LINE_STEPS = (0.25, 10.0)
"""Mean steps of a cell that may hold a thin line, about of one pixel, 2 to 40 levels off. Above is an edge: it hides
what is next to it, and the mean score sees it."""

_LEAST_BEND, _LEAST_BEND_IN_THE_DARK = 3000, 1200
"""Of a cell, see Cells.lines: a line of one pixel that is c levels off has 96 to 224 c squared, by where it lies, the
edge of a panel 64 to 96; a soft edge, a gradient and dither have hardly any. On a dark page 3 levels are seen; on
others the 3 that resizing leaves beside an edge are not: 4 to 6 are counted there."""

_LEAST_CELLS = 4
"""With such lines in a window, for it to count."""


class ThinLines:
    """The cells of a source that hold thin lines.

    source: C-contiguous uint8 (rows, width, 1 or 3); it is not copied.
    """

    def __init__(self, source: NDArray[np.uint8], seen: SourceCells) -> None:
        self._source, self._kernels = source, seen.kernels
        least, most = _LINE_STEPS
        self._marked: NDArray[np.bool_] = (seen.steps > least) & (seen.steps <= most)
        self._counts: Plane | None = None
        if not self._marked.any():
            return
        is_flat = (seen.steps <= _FLAT).astype(np.float32)
        self._marked &= mean_around(is_flat, GROUND_WINDOW, seen.kernels) >= _FLAT_SHARE
        if not self._marked.any():
            return
        self._marked &= largest_around(seen.steps, EDGE_REACH) <= most
        least_bend = np.where(brightest(seen.means) < DARK_LEVEL, _LEAST_BEND_IN_THE_DARK, _LEAST_BEND)
        self._marked &= seen.kernels.lines(source, source, self._marked)[0] >= least_bend
        counts = self._window_sums(self._marked)
        self._counts = counts if (counts >= _LEAST_CELLS).any() else None

    @property
    def are_any(self) -> bool:
        """Whether any window holds enough of them."""
        return self._counts is not None

    def lost(self, result: NDArray[np.uint8]) -> Plane:
        """Of each window of LINE_WINDOW cells the share of its lines' contrast that is gone; 0 where it has no lines.

        result: of the source's shape. Each cell counts by its own contrast, so that a strong line does not stand for a
        weak one.
        """
        if self._counts is None:
            return np.zeros((1, 1), np.float32)
        _, strengths, products = self._kernels.lines(self._source, result, self._marked)
        kept = np.clip(products / np.maximum(strengths, 1), -1, 1)
        lost = self._window_sums(np.where(self._marked, 1 - kept, 0)) / np.maximum(self._counts, 1)
        found: Plane = np.where(self._counts >= _LEAST_CELLS, lost, 0).astype(np.float32)
        return found

    def _window_sums(self, values: NDArray[np.bool_] | NDArray[np.float64]) -> Plane:
        rows, columns = (min(LINE_WINDOW, side) for side in values.shape)
        sums: Plane = window_means(values.astype(np.float32), LINE_WINDOW, self._kernels) * np.float32(rows * columns)
        # A sum that slides along is off by its rounding.
        return np.round(sums, 3)
