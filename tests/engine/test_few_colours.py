"""A drawing whose lossy WebP falls short at a place: in few colours and without further loss, looked at once."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.budget import Budget
from leanpix.engine.codecs.near_lossless import STEPS, coarsened
from leanpix.engine.codecs.palette_native import native_palettes
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.compress import Decoded, begun, silent
from leanpix.engine.content.cells import cells
from leanpix.engine.facts import Limits
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.near_lossless import near_lossless
from leanpix.engine.judging.meter import QualityMeter
from leanpix.engine.reading.probe import probe

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 480, 360


def diagram() -> Pixels:
    """Shaded discs and thin dark rings on plain ground: more colours than a palette has."""
    generator = np.random.default_rng(3)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.full((HEIGHT, WIDTH, 3), (240.0, 242.0, 246.0))
    for _ in range(16):
        radius, left, top = generator.integers(6, 30), generator.integers(0, WIDTH), generator.integers(0, HEIGHT)
        away = np.hypot(x - left, y - top)
        cover = np.clip(radius - away, 0, 1)[:, :, None]
        colour = generator.integers(60, 256, 3) * (1 - 0.6 * generator.random() * (away / radius)[:, :, None])
        pixels = pixels * (1 - cover) + colour * cover
    for _ in range(30):
        radius, left, top = generator.integers(20, 90), generator.integers(0, WIDTH), generator.integers(0, HEIGHT)
        cover = np.clip(1.6 - np.abs(np.hypot(x - left, (y - top) * 1.7) - radius), 0, 1)[:, :, None]
        pixels = pixels * (1 - cover) + np.array([8.0, 6.0, 18.0]) * cover
    return pixels.clip(0, 255).round().astype(np.uint8)


def opened(pixels: Pixels, quality: int, kind: OutputFormat = OutputFormat.WEBP) -> tuple[EncodeContext, EncoderRuns]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    options, source = CompressionOptions(format=kind, quality=quality), file.getvalue()
    decoded = Decoded(source, probe(source, Limits()), options, Limits(), silent)
    return begun(decoded, options, Budget(clock=lambda: 0.0))


@pytest.fixture(scope="module", autouse=True)
def _kernels() -> None:
    if native_palettes() is None:
        pytest.skip("the native library was not built")


@pytest.mark.parametrize("quality", [60, 80])
def test_a_drawing_takes_fewer_bytes_in_few_colours_than_in_coarse_levels(quality: int) -> None:
    context, runs = opened(diagram(), quality)
    assert runs.encoder.is_screen_content
    attempt = near_lossless(context, runs)
    assert attempt is not None
    assert attempt.encoded.encoder.endswith(" colours")
    coarsest = runs.encoder.on(opened(coarsened(diagram(), STEPS[-1], cells()), quality)[0].raster).lossless()
    assert coarsest is not None
    assert attempt.bytes < 0.9 * len(coarsest.data)


def test_what_its_pixels_said_is_what_its_file_shows() -> None:
    context, runs = opened(diagram(), 80)
    attempt = near_lossless(context, runs)
    assert attempt is not None
    fresh = QualityMeter(context.raster)
    assert context.meter.worst(attempt.encoded) == fresh.worst(attempt.encoded)
    assert context.meter.score(attempt.encoded) == pytest.approx(fresh.score(attempt.encoded), abs=1e-6)
    assert attempt.score == pytest.approx(fresh.score(attempt.encoded), abs=1e-6)


def test_a_photograph_keeps_its_levels() -> None:
    pixels = np.clip(diagram() + np.random.default_rng(5).normal(0, 6, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
    attempt = near_lossless(*opened(pixels, 80))
    assert attempt is not None
    assert "levels" in attempt.encoded.encoder
