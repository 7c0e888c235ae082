"""Every EXIF orientation, in every format that carries one, comes out upright exactly once."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from leanpix.domain.formats import Kept
from leanpix.domain.request import CompressionOptions
from leanpix.engine.facts import Limits
from leanpix.engine.reading.decode import load
from leanpix.engine.reading.probe import probe

ORIENTATION_TAG = 0x0112
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}}


def _corners() -> Image.Image:
    """A picture that no turn or flip maps onto itself."""
    pixels = np.full((24, 48, 3), 255, np.uint8)
    pixels[:12, :16], pixels[:12, 32:], pixels[12:, :16] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return Image.fromarray(pixels)


def _stored(orientation: int, pil_format: str) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    file = io.BytesIO()
    options = {"quality": 100, "subsampling": 0} if pil_format == "JPEG" else LOSSLESS[pil_format]
    _corners().save(file, pil_format, exif=exif, **options)
    return file.getvalue()


def _loaded(source: bytes, options: CompressionOptions) -> NDArray[np.int16]:
    limits = Limits()
    picture = load(source, probe(source, limits), options, Kept(), limits)
    pixels: NDArray[np.uint8] = picture.image.numpy()
    assert (picture.width_px, picture.height_px) == (pixels.shape[1], pixels.shape[0])
    return pixels.astype(np.int16)


@pytest.mark.parametrize("pil_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation: int, pil_format: str) -> None:
    source = _stored(orientation, pil_format)
    with Image.open(io.BytesIO(source)) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"), np.int16)
    upright = _loaded(source, CompressionOptions())
    assert upright.shape == expected.shape
    assert np.abs(upright - expected).max() <= 4


@pytest.mark.parametrize("orientation", [1, 6])
def test_sides_asked_for_are_those_of_the_upright_picture(orientation: int) -> None:
    upright = _loaded(_stored(orientation, "PNG"), CompressionOptions(width_px=12, height_px=20))
    assert upright.shape[:2] == (20, 12)
