"""What is judged of a JPEG result is what libvips shows of it, whoever has decoded it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.judging.meter import QualityMeter
from leanpix.engine.judging.ssimulacra2 import Ssimulacra2

SIZES = [(64, 48), (97, 61), (320, 240), (801, 333)]


def texture(width: int, height: int, bands: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(width)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, bands), np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, 0).repeat(8, 1)[:height, :width])


def jpeg_of(pixels: NDArray[np.uint8], **settings: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "JPEG", **settings)
    return file.getvalue()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("settings", [{"quality": 40}, {"quality": 75, "progressive": True, "subsampling": 0}])
@pytest.mark.parametrize("bands", [1, 3])
def test_a_jpeg_is_judged_as_libvips_shows_it(size: tuple[int, int], settings: dict[str, object], bands: int) -> None:
    pixels = texture(*size, bands)
    data = jpeg_of(pixels, **settings)
    shown = pyvips.Image.new_from_buffer(data, "").numpy().reshape(pixels.shape)
    scored = Ssimulacra2(pixels.repeat(4 - bands, 2)[:, :, :3]).score(shown.repeat(4 - bands, 2)[:, :, :3])
    assert QualityMeter(Raster(pixels)).score(Encoded(data, "libjpeg")) == scored


def test_a_gray_jpeg_of_coloured_pixels_is_judged_in_colour() -> None:
    pixels = texture(160, 120, 3)
    data = jpeg_of(pixels[:, :, :1])
    shown = pyvips.Image.new_from_buffer(data, "").numpy().reshape(120, 160, 1).repeat(3, 2)
    assert QualityMeter(Raster(pixels)).score(Encoded(data, "libjpeg")) == Ssimulacra2(pixels).score(shown)
