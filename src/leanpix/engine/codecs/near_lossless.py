"""Pixels of fewer levels or colours, where that does not show: what a lossless encoder takes half of the bytes for.

Between the last palette and every pixel kept, and between WebP's finest lossy setting and that: levels a few steps
apart, except on smooth ground, where they would be contours, and on flat ground, which costs next to nothing as it is.
Black and white stay (docs/decisions/0172).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.codecs.palette_native import native_palettes
from leanpix.engine.codecs.png.palette import PALETTE_GRID, Palettes
from leanpix.engine.content.cells import CELL_PX, Cells

STEPS = (2, 3, 4, 6, 8)
"""Levels between levels. The coarser of two neighbours takes a tenth fewer bytes and 3 to 8 points of score.
From 10 on gray ground gets coloured grain."""

_FLAT, _SMOOTH = 0.25, 0.8
"""The mean step between pixels up to which all levels are kept, and up to which _SMOOTH_STEP is the most."""

_SMOOTH_STEP = 3
_LEVELS = 256
_COLOUR_BANDS = 3
_ALPHA_BANDS = (2, 4)


def coarsened(pixels: NDArray[np.uint8], step: int, kernels: Cells) -> NDArray[np.uint8]:
    """(rows, width, bands) pixels with colours on multiples of step, as far as their own texture hides it.

    Alpha stays as it is.
    """
    bands = pixels.shape[2] - (pixels.shape[2] in _ALPHA_BANDS)
    colour = np.ascontiguousarray(pixels[:, :, :bands])
    texture = kernels.source(colour)[1] / np.float32(2 * CELL_PX**2 * bands)
    coarse = _mapped(colour, _on_grid(step))
    if step > _SMOOTH_STEP:
        np.copyto(coarse, _mapped(colour, _on_grid(_SMOOTH_STEP)), where=_samples(texture < _SMOOTH, colour.shape))
    np.copyto(coarse, colour, where=_samples(texture < _FLAT, colour.shape))
    return coarse if bands == pixels.shape[2] else np.concatenate([coarse, pixels[:, :, bands:]], axis=2)


DRAWN_GRID = (40.0, 55.0, 65.0, 80.0, 99.0)
"""Qualities of palettes for what is drawn: two or three tries find one, each a tenth of a second for 2 megapixels."""


@dataclass(frozen=True, slots=True)
class FewerColours:
    """A picture in the colours of its palettes as PNG has them, for encoders without palettes of their own.

    Near black a palette has the levels that are seen, in the numbers that are had of them; coarser levels have none
    (docs/decisions/0304). What is drawn has few colours anyway (docs/decisions/0329). grid: the palettes' qualities.
    """

    pixels: NDArray[np.uint8]
    palettes: Palettes
    grid: Sequence[float]

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], grid: Sequence[float] = PALETTE_GRID) -> FewerColours | None:
        """For (rows, width, bands) pixels; None without the native kernel."""
        kernel = native_palettes()
        return None if kernel is None else cls(pixels, Palettes.of(pixels, kernel), grid)

    @property
    def choices(self) -> int:
        """How many palettes there are; the later have fewer colours."""
        return len(self.grid)

    def shown(self, choice: int) -> NDArray[np.uint8]:
        """The pixels in the palette of a choice."""
        quality = self._quality(choice)
        return self.palettes.shown(self.palettes.indices(self.pixels, quality), quality, self.pixels.shape)

    def colours(self, choice: int) -> int:
        """How many it has."""
        return len(self.palettes.at(self._quality(choice)))

    def _quality(self, choice: int) -> float:
        return self.grid[-1 - choice]


def _samples(cells: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Cells as all samples of (rows, width, bands) pixels."""
    rows, width, bands = shape
    across = np.repeat(cells, CELL_PX * bands, axis=1)[:, : width * bands]
    return np.repeat(across, CELL_PX, axis=0)[:rows].reshape(shape)


def _mapped(pixels: NDArray[np.uint8], levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each sample's level of 256 others: in a tenth of the time of numpy's own indexing."""
    return np.frombuffer(bytearray(pixels.data).translate(levels.tobytes()), np.uint8).reshape(pixels.shape)


def _on_grid(step: int) -> NDArray[np.uint8]:
    """The nearest multiple for each level, counted from white; black stays black."""
    levels = np.arange(_LEVELS)
    nearest = _LEVELS - 1 - (_LEVELS - 1 - levels + step // 2) // step * step
    nearest[0] = 0
    return np.clip(nearest, 0, _LEVELS - 1).astype(np.uint8)
