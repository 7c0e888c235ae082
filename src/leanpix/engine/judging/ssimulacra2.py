"""SSIMULACRA2 2.1: how close a picture looks to its reference.

100 is identical, 90 cannot be told apart in a flicker test, 70 is high quality, 30 is low. The same scores come
from a native kernel and, where that was not built, from NumPy.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.judging.ssimulacra2_native import NativeMaps
from leanpix.engine.judging.ssimulacra2_numpy import NumpyMaps
from leanpix.engine.judging.ssimulacra2_weights import SMALLEST_SIDE_PX, needed_maps, scales_of, score_of
from leanpix.engine.libraries.native import load_native

Kernel = Literal["auto", "native", "numpy"]

KEPT_BYTES_A_PIXEL = 14  # of the reference's planes over all scales


class Ssimulacra2:
    """Scores pictures against one reference whose side of the work is done once.

    reference is uint8 sRGB (H,W,3), or gray (H,W); it is not copied where it is C-contiguous, and must not change.
    keep_limit_bytes bounds the memory for the reference's prepared planes (14 bytes a pixel): above it they are
    computed anew for each score, 1.3 times the time in next to no memory. Pictures with a side under 8 px, which
    the metric does not define, are scored with their edges repeated up to 8.
    """

    def __init__(
        self, reference: NDArray[np.uint8], *, kernel: Kernel = "auto", keep_limit_bytes: int = 256 << 20
    ) -> None:
        self._shape = reference.shape
        pixels = _ready(reference)
        self._size = pixels.shape[:2]
        self._maps = _maps(pixels, kernel, keep_limit_bytes)

    def score(self, distorted: NDArray[np.uint8]) -> float:
        """The score of a picture of the reference's shape: at most 100, exactly 100 for the reference itself.

        It has no lower end; below 0 is useless. ValueError: another shape or type. MemoryError: not even rows fit.
        """
        if distorted.shape != self._shape:
            raise ValueError(f"a picture of shape {distorted.shape} has no score against {self._shape}")
        return score_of(self._maps.sums(_ready(distorted)), *self._size)


class _Maps(Protocol):
    def sums(self, distorted: NDArray[np.uint8]) -> NDArray[np.float64]: ...


def _maps(pixels: NDArray[np.uint8], kernel: Kernel, keep_limit_bytes: int) -> _Maps:
    height, width = pixels.shape[:2]
    needs = needed_maps(scales_of(height, width))
    library = None if kernel == "numpy" else load_native()
    if library is None and kernel == "native":
        raise ValueError("the native kernel is not there")
    if library is None:
        return NumpyMaps(pixels, needs)
    keep = height * width * KEPT_BYTES_A_PIXEL <= keep_limit_bytes
    return NativeMaps(library, pixels, needs, keep=keep)


def _ready(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Checked, contiguous and at least 8 pixels a side."""
    colour = pixels.ndim == 3 and pixels.shape[2] == 3  # noqa: PLR2004 - rows, columns, bands
    if pixels.dtype != np.uint8 or not (colour or pixels.ndim == 2) or 0 in pixels.shape:  # noqa: PLR2004
        raise ValueError(f"pixels are {pixels.dtype}{pixels.shape}, not uint8 (H,W,3) or (H,W)")
    missing = [max(0, SMALLEST_SIDE_PX - side) for side in pixels.shape[:2]]
    if any(missing):
        pixels = np.pad(pixels, [(0, missing[0]), (0, missing[1]), (0, 0)][: pixels.ndim], mode="edge")
    return np.ascontiguousarray(pixels)
