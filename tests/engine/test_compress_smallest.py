"""The smallest and the plainest pictures there are go through the whole engine."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.support.pictures import encoded

from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.compress import compress


@pytest.mark.parametrize("target", STANDARD_FORMATS)
@pytest.mark.parametrize("quality", [80, None])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_smallest_pictures_are_compressed(
    size: tuple[int, int], mode: str, quality: int | None, target: OutputFormat
) -> None:
    source = encoded(Image.new(mode, size, 0), "PNG")
    result = compress(source, CompressionOptions(format=target, quality=quality))
    assert (result.report.width_px, result.report.height_px) == size


@pytest.mark.parametrize("target", STANDARD_FORMATS)
@pytest.mark.parametrize("colour", [(255, 136, 0), (255, 0, 0), (20, 20, 20), (200, 220, 240), (0, 128, 64)])
def test_automatic_quality_keeps_a_plain_grounds_colour(target: OutputFormat, colour: tuple[int, int, int]) -> None:
    result = compress(encoded(Image.new("RGB", (64, 64), colour), "PNG"), CompressionOptions(format=target))
    seen = np.asarray(Image.open(io.BytesIO(result.data)).convert("RGB"), float)
    assert np.abs(seen - np.array(colour)).max() <= 4
