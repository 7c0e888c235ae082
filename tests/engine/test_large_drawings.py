"""Large drawings: every pixel kept where that takes fewer bytes, however little time a lossy encode leaves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engine.pictures import decoded, drawing, encoded, photo

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions
from leanpix.engine import Budget, compress
from leanpix.engine.libraries.native import load_native

SIDE_PX = 4096
HURRIED_S = 4

pytestmark = pytest.mark.skipif(load_native() is None, reason="the native library was not built")


@pytest.fixture(scope="module")
def flat() -> NDArray[np.uint8]:
    """Flat shapes, 17 megapixels."""
    return np.tile(drawing(512, 512), (SIDE_PX // 512, SIDE_PX // 512, 1))


def hurried(source: bytes, **options: float) -> Compression:
    """By a clock that leaves time for one encode of the whole or two."""
    ticks = itertools.count(0, HURRIED_S)
    chosen = CompressionOptions(format=OutputFormat.WEBP, **options)  # type: ignore[arg-type] # a number
    return compress(source, chosen, budget=Budget(clock=lambda: float(next(ticks))))


@pytest.mark.parametrize("options", [{"quality": 80}, {}])
def test_a_large_drawing_keeps_every_pixel_though_a_lossy_encode_would_use_up_the_time(
    flat: NDArray[np.uint8], options: dict[str, float]
) -> None:
    done = hurried(encoded(flat, ".png", compression=1), **options)
    assert np.array_equal(decoded(done.data), flat)


def test_a_large_drawing_is_not_made_without_loss_where_that_is_several_times_as_large(
    flat: NDArray[np.uint8],
) -> None:
    """Ruled paper and windows every 1000 rows with grain in each, which is seen wherever it lies."""
    grainy, grain = flat.copy(), photo(SIDE_PX // 3, SIDE_PX)
    grainy[:, ::16] = 0
    inside = np.arange(SIDE_PX) % 1000 >= 100
    grainy[inside, : SIDE_PX // 3] = grain[inside]
    source = encoded(grainy, ".png", compression=1)
    done = hurried(source, quality=80)
    assert len(done.data) < len(source) / 5
    assert done.report.encodes == 3  # two of strips
