"""What is known of a source by its cells: made once for all who look at the same pixels."""

from __future__ import annotations

import functools
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.content.cells.native_cells import NativeCells
from leanpix.engine.content.cells.numpy_cells import CELL_PX, Cells, NumpyCells
from leanpix.engine.libraries.native import native_kernels

Plane = NDArray[np.float32]

GROUND_WINDOW = 12
SMOOTH, HARDLY_SMOOTH = 0.5, 0.8
"""The mean step between neighbouring pixels up to which ground hides nothing, and from which on it hides all."""

FINE_GRAIN = 1.6
"""The mean step up to which ground is a camera's grain, which an encode may take away: what is left of it in the result
hides something (docs/decisions/0308)."""

EDGE, EDGE_REACH = 2.0, 3
"""The mean step of a cell that is an edge; so many cells away from one, nobody looks at the ground."""

LEAST_GRAIN_SHARE = 0.25
"""Of a picture, how much of it has fine grain at most for the grain to be asked after: on less of a photograph it was
never lost so that it showed (docs/decisions/0308)."""

RISKY_CONTRAST, _RISKY_SHARE = 500, 0.01
"""A cell's chroma contrast, and the share of cells that are hardly smooth, from which on a result is worth a look."""

DARK_LEVEL = 36.0
"""What is around where an eye adapts to the dark."""


def cells() -> Cells:
    """By the native kernels where they were built."""
    return native_kernels(NativeCells) or NumpyCells()


@dataclass(frozen=True, slots=True)
class SourceCells:
    """Cells of C-contiguous (rows, width, 1 or 3) pixels. means (h, w, bands), steps (h, w), weights (h, w).

    steps: the mean difference between neighbouring pixels. weights: see Cells.source.
    """

    kernels: Cells
    means: Plane
    steps: Plane
    weights: NDArray[np.uint16]

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], kernels: Cells) -> SourceCells:
        """Look at the pixels."""
        sums, texture, weights = kernels.source(pixels)
        per_cell = CELL_PX**2
        steps: Plane = texture.astype(np.float32) / np.float32(2 * per_cell * pixels.shape[2])
        means: Plane = sums.astype(np.float32) / np.float32(per_cell)
        return cls(kernels, means, steps, weights)

    @property
    def has_thin_colour(self) -> bool:
        """Whether anything is coloured and thin enough for halved chroma to show."""
        return bool((self.weights > RISKY_CONTRAST).any())

    @property
    def is_at_risk(self) -> bool:
        """Whether there is anything that an ordinary encode may ruin and a mean forgive: ground, thin colour."""
        if self.has_thin_colour:
            return True
        blocks = self._blocks()
        means = blocks.mean(axis=(1, 3))
        if _smooth_share(means) > _RISKY_SHARE:
            return True
        largest = blocks.max(axis=1).max(axis=2)  # along one axis after the other in a tenth of the time
        return share_of((means <= FINE_GRAIN) & (largest <= EDGE)) > LEAST_GRAIN_SHARE

    @property
    def smooth_share(self) -> float:
        """How much of the picture is hardly textured: by blocks, in a tenth of the time that each cell takes."""
        return _smooth_share(self._blocks().mean(axis=(1, 3)))

    def _blocks(self) -> Plane:
        """The steps by blocks of GROUND_WINDOW cells a side: (rows, GROUND_WINDOW, columns, GROUND_WINDOW)."""
        rows, columns = (max(1, side // GROUND_WINDOW) * GROUND_WINDOW for side in self.steps.shape)
        whole = np.resize(self.steps, (rows, columns)) if min(self.steps.shape) < GROUND_WINDOW else self.steps
        return whole[:rows, :columns].reshape(rows // GROUND_WINDOW, GROUND_WINDOW, -1, GROUND_WINDOW)


def _smooth_share(means: Plane) -> float:
    return share_of(means < HARDLY_SMOOTH)


def share_of(is_so: NDArray[np.bool_]) -> float:
    """How many of them are: NumPy's mean of truths takes several times as long."""
    return np.count_nonzero(is_so) / is_so.size


def window_means(values: Plane, cells_a_side: int, kernels: Cells) -> Plane:
    """Means of windows of so many cells a side, all of them that lie within; of the whole where it is smaller."""
    banded = values[:, :, None] if values.ndim == 2 else values  # noqa: PLR2004 - rows, columns
    means = kernels.means(banded, *(min(cells_a_side, side) for side in values.shape[:2]))
    return means[:, :, 0] if values.ndim == 2 else means  # noqa: PLR2004


def mean_around(values: Plane, cells_a_side: int, kernels: Cells) -> Plane:
    """The mean around each cell, the edges repeated."""
    before, after = (cells_a_side - 1) // 2, cells_a_side // 2
    return window_means(_padded(_padded(values, before, after, 0), before, after, 1), cells_a_side, kernels)


def largest_around(values: Plane, reach: int) -> Plane:
    """The largest value up to so many cells away to each side."""
    for axis in range(2):
        padded, many = _padded(values, reach, reach, axis), 1
        while many < 2 * reach + 1:  # each the largest of so many beside each other
            further = min(many, 2 * reach + 1 - many)
            before, after = slice(None, -further), slice(further, None)
            if axis == 0:
                padded = np.maximum(padded[before], padded[after])
            else:
                padded = np.maximum(padded[:, before], padded[:, after])
            many += further
        values = padded
    return values


def _padded(values: Plane, before: int, after: int, axis: int) -> Plane:
    """The edges repeated along an axis: of few cells NumPy's own pad takes as long as what follows."""
    side = values.shape[axis]
    shape = list(values.shape)
    shape[axis] += before + after
    padded = np.empty(shape, values.dtype)
    along = padded if axis == 0 else padded.swapaxes(0, axis)
    source = values if axis == 0 else values.swapaxes(0, axis)
    along[:before], along[before : before + side], along[before + side :] = source[0], source, source[-1]
    return padded


def brightest(means: Plane) -> Plane:
    """Of (h, w, bands), band after band: NumPy's maximum along a short axis takes ten times as long."""
    found: Plane = functools.reduce(np.maximum, np.moveaxis(means, 2, 0))
    return found


class _Last:
    """The source that was looked at last, without keeping it alive. One assignment, for threads."""

    entry: tuple[weakref.ref[NDArray[np.uint8]], SourceCells] | None = None


def source_cells(pixels: NDArray[np.uint8], *, is_kept: bool = True) -> SourceCells:
    """Of these pixels, which must not change; once, where the same array is asked about again.

    is_kept: for that, as long as the pixels are; they take a bit more than a byte a pixel.
    """
    entry = _Last.entry
    if entry is not None and entry[0]() is pixels:
        return entry[1]
    found = SourceCells.of(pixels, cells())
    if is_kept:
        _Last.entry = (weakref.ref(pixels, _forget), found)
    return found


def _forget(gone: weakref.ref[Any]) -> None:
    entry = _Last.entry
    if entry is not None and entry[0] is gone:
        _Last.entry = None
