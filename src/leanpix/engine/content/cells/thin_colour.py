"""What halved chroma would take away from a picture, at its worst place, seen before anything is encoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.content.cells.numpy_cells import Cells
from leanpix.engine.content.cells.source import source_cells


@dataclass(frozen=True, slots=True)
class ColourWindow:
    """A window that thin colour is looked for in. cells: a side. least_contrast: what counts for nothing in it."""

    cells: int
    least_contrast: float

    def contrast(self, weights: NDArray[np.uint16], kernels: Cells) -> NDArray[np.float32]:
        """How much chroma contrast each window holds, as errors are measured by it."""
        return self._sums(weights, kernels) + np.float32(self.least_contrast)

    def errors(self, errors: NDArray[np.uint32], contrast: NDArray[np.float32], kernels: Cells) -> NDArray[np.float32]:
        """The mean chroma error of each window, by the source's contrast there."""
        found: NDArray[np.float32] = self._sums(errors, kernels) / contrast
        return found

    def _sums(self, values: NDArray[np.uint16] | NDArray[np.uint32], kernels: Cells) -> NDArray[np.float32]:
        """Of all windows that lie within."""
        sides = [min(self.cells, side) for side in values.shape]
        sums: NDArray[np.float32] = kernels.means(values.astype(np.float32)[:, :, None], *sides)[:, :, 0]
        return sums * np.float32(sides[0] * sides[1])


LETTERS, STREWN = ColourWindow(6, 2000.0), ColourWindow(48, 4000.0)
"""A part of a word or a line, where some pixels count for nothing; and what is strewn over much of a picture, such as
stars, where each alone would (docs/decisions/0346)."""

_COLOUR_BANDS = 3


def halved_chroma_loss(pixels: NDArray[np.uint8]) -> float:
    """The worst mean chroma error of a window, by contrast, when each 2 x 2 pixels share their chroma; gray has 0.

    pixels: C-contiguous (rows, width, bands) sRGB; of four bands the last is alpha and left out. Photographs stay
    under 32 (Kodak's under 18), coloured letters and lines on anything lie above 43 (docs/decisions/0171).
    """
    if pixels.shape[2] < _COLOUR_BANDS:
        return 0.0
    colour = pixels if pixels.shape[2] == _COLOUR_BANDS else np.ascontiguousarray(pixels[:, :, :_COLOUR_BANDS])
    source = source_cells(colour)
    kernels, weights = source.kernels, source.weights
    if not source.has_thin_colour:
        return 0.0
    errors = kernels.halved(colour, weights)
    return float(LETTERS.errors(errors, LETTERS.contrast(weights, kernels), kernels).max())
