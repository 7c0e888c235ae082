"""Where a picture is likeliest to look worst after an encode, told from its cells before there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.content.cells.numpy_cells import CELL_PX
from leanpix.engine.content.cells.source import DARK_LEVEL, RISKY_CONTRAST, SMOOTH, SourceCells, brightest

Corner = tuple[int, int]

_GROUNDS, _COLOURS = 4, 2
_GOOD_GROUND, _LEAST_GROUND = 0.75, 0.25
"""Of the tile with the most smooth ground, and of a tile: how much another one has at least to be looked at for it."""

_LEAST_CHANGE = 1.0
"""Levels by which a tile's cells differ: what is flat stays flat."""


@dataclass(frozen=True, slots=True)
class RiskyTiles:
    """The top and left in pixels of at most seven tiles: of the smoothest ground, of thin colour, and the darkest.

    dark_share: of the picture.
    """

    corners: tuple[Corner, ...]
    dark_share: float

    @classmethod
    def of(cls, seen: SourceCells, side_px: int) -> RiskyTiles:
        """side_px: of a tile, a multiple of CELL_PX. A picture that is smaller than one has none."""
        side, bright = side_px // CELL_PX, brightest(seen.means)
        dark_share = float((bright < DARK_LEVEL).mean())
        if min(bright.shape) < side:
            return cls((), dark_share)
        tiles = _by_tiles(bright, side)
        is_changing = np.ptp(tiles, axis=(1, 3)) >= _LEAST_CHANGE

        smooth = np.where(is_changing, _by_tiles(seen.steps < SMOOTH, side).mean(axis=(1, 3)), 0.0)
        grounds = np.argwhere(smooth >= max(_GOOD_GROUND * float(smooth.max()), _LEAST_GROUND))
        spread = np.linspace(0, len(grounds) - 1, min(_GROUNDS, len(grounds))).round().astype(int)

        contrast = _by_tiles(seen.weights, side).max(axis=(1, 3)).astype(np.float32)
        coloured = _largest(np.where(contrast > RISKY_CONTRAST, contrast, 0), _COLOURS)
        dark = DARK_LEVEL - tiles.mean(axis=(1, 3))
        darkest = _largest(np.where(is_changing, dark, 0), 1)

        chosen = np.concatenate([grounds[spread], coloured, darkest])
        corners = ((int(row) * side_px, int(column) * side_px) for row, column in chosen)
        return cls(tuple(dict.fromkeys(corners)), dark_share)


def _by_tiles(values: NDArray[np.generic], side: int) -> NDArray[np.generic]:
    """(rows of tiles, rows, columns of tiles, columns) of whole tiles."""
    rows, columns = (size // side for size in values.shape)
    return values[: rows * side, : columns * side].reshape(rows, side, columns, side)


def _largest(values: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    """Where the largest are, as rows and columns, without those that are not above zero."""
    order = np.argsort(values, axis=None, kind="stable")[::-1][:most]
    places = np.stack(np.unravel_index(order, values.shape), axis=1)
    return places[values.reshape(-1)[order] > 0]
