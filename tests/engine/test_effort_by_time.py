"""How hard an encoder tries on a large picture: as on a small one where one encode is asked for and time is left."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.pictures import photo

from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Goal, Raster
from leanpix.engine.codecs.palette_native import native_palettes
from leanpix.engine.codecs.png.codec import PngCodec
from leanpix.engine.codecs.webp.codec import WebpCodec

LARGE = Raster(np.zeros((5000, 5000, 3), np.uint8))


@pytest.mark.parametrize(
    ("goal", "method"),
    [
        (Goal(quality=80), 5),
        (Goal(score=75), 5),
        (Goal(bits_per_pixel=1), 2),  # several encodes of the whole
        (Goal(quality=80, left_s=lambda: 4.9), 2),  # 25 megapixels have 5 s
        (Goal(score=75, left_s=lambda: 5.1), 5),
    ],
)
def test_a_large_webp_is_made_by_the_usual_method_unless_time_is_short(goal: Goal, method: int) -> None:
    assert WebpCodec().open(LARGE, Effort.REDUCED, goal).method == method


def test_an_animation_of_many_pixels_is_made_quickly() -> None:
    frames = Raster(np.zeros((5000, 500, 3), np.uint8), frames=10, delays_ms=(100,) * 10)
    assert WebpCodec().open(frames, Effort.MINIMAL, Goal(quality=80)).method == 2


@pytest.mark.skipif(native_palettes() is None, reason="the native library was not built")
def test_a_palette_is_packed_thoroughly_where_time_is_left() -> None:
    goals = Goal(quality=60), Goal(quality=60, left_s=lambda: 0.01), Goal(score=75)
    made = [PngCodec().open(Raster(photo()), Effort.MINIMAL, goal).encode(60) for goal in goals]
    assert [one.encoder.split()[-1] for one in made] == ["10", "7", "7"]
    assert len(made[0].data) < len(made[1].data)


def test_parts_that_are_only_looked_at_are_packed_quickly() -> None:
    whole = PngCodec().open(Raster(photo()), Effort.FULL, Goal(quality=60))
    assert "libdeflate 10" in whole.encode(60).encoder or whole.palettes is None
    assert "libdeflate 10" not in whole.on(Raster(photo())).encode(60).encoder


def test_smooth_pictures_without_loss_are_packed_thoroughly_and_busy_ones_quickly() -> None:
    busy, smooth = photo(), np.ascontiguousarray(np.repeat(photo(), 3, axis=1))
    made = [PngCodec().open(Raster(pixels), Effort.FULL, Goal(quality=100)).lossless() for pixels in (busy, smooth)]
    assert [one.encoder for one in made] == ["oxipng 1", "oxipng 2"]
