"""A picture with alpha over the grounds that it is looked at on: the kernel's pixels are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from leanpix.engine.judging.views import NativeViews, over_by_numpy
from leanpix.engine.libraries.native import native_kernels


@pytest.mark.parametrize("bands", [2, 4])
def test_the_kernel_lays_every_colour_at_every_alpha_over_a_ground_as_numpy_does(bands: int) -> None:
    kernel = native_kernels(NativeViews)
    if kernel is None:
        pytest.skip("without the native library there is one way")
    levels, alphas = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    pixels = np.stack([np.roll(levels, band, 1) for band in range(bands - 1)] + [alphas], axis=2)
    for ground in (0, 26, 229, 255):
        laid = kernel.over(pixels, ground)
        assert np.array_equal(laid, over_by_numpy(pixels, ground))
        exact = (pixels[:, :, :-1] * (alphas / 255.0)[:, :, None]) + ground * (1 - alphas / 255.0)[:, :, None]
        assert np.abs(laid - exact).max() <= 0.5 + 1e-9
