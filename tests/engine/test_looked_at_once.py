"""What no setting keeps is not searched for; what pixels said before they were packed, the file is not asked again."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support import trust

from leanpix.domain.report import Decision
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.codecs.palette_native import native_palettes
from leanpix.engine.judging.worst_place import WorstPlaces

Pixels = NDArray[np.uint8]


def file_of(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def dark_gradient() -> Pixels:
    """Near black, where WebP rounds colours by more than is allowed at any setting."""
    rows, generator = np.mgrid[0:600, 0:800][0], np.random.default_rng(1)
    bands = [base + 12 * rows / 600 + generator.uniform(-0.5, 0.5, rows.shape) for base in (2, 3, 6)]
    return np.dstack(bands).round().clip(0, 255).astype(np.uint8)


def test_a_place_that_no_setting_keeps_ends_the_search_at_its_first_encode() -> None:
    report = compress(file_of(dark_gradient()), CompressionOptions(format=OutputFormat.WEBP)).report
    assert [one.decision for one in report.considered if one.name == "webp lossy"] == [Decision.FELL_SHORT]
    assert "lossless" in report.encoder
    assert report.encodes <= 12  # 18 where its score was searched for to the end, by two methods


@pytest.mark.parametrize("quality", [60, 80])
def test_a_palettes_worst_place_is_that_of_its_file(quality: int) -> None:
    if native_palettes() is None:
        pytest.skip("the native library was not built")
    pixels = trust.badge(2).pixels
    done = compress(file_of(pixels), CompressionOptions(format=OutputFormat.PNG, quality=quality))
    assert done.report.encoder.startswith("palette")
    shown = np.ascontiguousarray(np.asarray(Image.open(io.BytesIO(done.data)).convert("RGB")))
    worst = WorstPlaces(pixels).worst(shown)[0]
    assert done.report.worst == worst
