"""What halved chroma would take away from a picture, at its worst place, seen before anything is encoded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.content.cells.numpy_cells import Cells
from leanpix.engine.content.cells.source import source_cells

COLOUR_WINDOW = 6
"""Cells a side."""

LEAST_CONTRAST = 2000.0
"""What a window's contrast is taken for at least: some pixels of a thin line."""

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
    return float(weighted_errors(errors, window_sums(weights, kernels), kernels).max())


def window_sums(values: NDArray[np.uint16] | NDArray[np.uint32], kernels: Cells) -> NDArray[np.float32]:
    """Sums of windows of COLOUR_WINDOW cells a side, all that lie within."""
    sides = [min(COLOUR_WINDOW, side) for side in values.shape]
    sums: NDArray[np.float32] = kernels.means(values.astype(np.float32)[:, :, None], *sides)[:, :, 0]
    return sums * np.float32(sides[0] * sides[1])


def weighted_errors(errors: NDArray[np.uint32], contrast: NDArray[np.float32], kernels: Cells) -> NDArray[np.float32]:
    """The mean chroma error of each window, by the source's contrast there (window_sums of its weights)."""
    found: NDArray[np.float32] = window_sums(errors, kernels) / (contrast + np.float32(LEAST_CONTRAST))
    return found
