"""A size far below a JPEG's: decoded at the pixels that it leaves, unless all of them fit at the lowest quality."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from tests.engine.pictures import encoded, photo

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.report import Compression
from leanpix.domain.request import KBYTE, CompressionOptions
from leanpix.engine import compress
from leanpix.engine.budget import Budget
from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.compress import Decoded, begun, silent
from leanpix.engine.facts import Limits, Probe
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.plan import sides_far_below
from leanpix.engine.judging.meter import QualityMeter
from leanpix.engine.reading.probe import probe

WIDTH_PX, HEIGHT_PX = 2400, 1800
SIZE = CompressionOptions(max_bytes=20 * KBYTE)
PROBE = Probe(SourceFormat.JPG, 4000, 3000, quality=90)
TYPICAL_BYTES = 2_800_000


def jpeg(pixels: NDArray[np.float64]) -> bytes:
    data: bytes = pyvips.Image.new_from_array(np.clip(pixels, 0, 255).astype(np.uint8)).jpegsave_buffer(Q=92)
    return data


def busy() -> bytes:
    """Detail of every scale, as landscapes have."""
    generator, pixels = np.random.default_rng(7), np.full((HEIGHT_PX, WIDTH_PX, 3), 128.0)
    for times in (2, 8, 32, 128):
        coarse = generator.normal(0, 14, (HEIGHT_PX // times + 1, WIDTH_PX // times + 1, 1))
        pixels += np.kron(coarse, np.ones((times, times, 1)))[:HEIGHT_PX, :WIDTH_PX]
    return jpeg(pixels)


def grainy() -> bytes:
    """Plain ground and grain: a large file of which the lowest quality keeps next to nothing."""
    generator = np.random.default_rng(7)
    return jpeg(150 + generator.normal(0, 6, (HEIGHT_PX, WIDTH_PX, 3)))


def waves(period_px: float, bands: int) -> NDArray[np.uint8]:
    """Whatever has twice their pixels shows them as they are."""
    y, x = np.mgrid[0:240, 0:320]
    wave = np.sin(2 * np.pi * x / period_px) * np.cos(2 * np.pi * y / (1.3 * period_px))
    pixels = np.dstack([128 + 50 * wave, 130 + 40 * wave, 127 - 50 * wave, 200 - 30 * wave][:bands])
    return pixels.round().astype(np.uint8)


def begun_at(source: bytes, kind: OutputFormat, kbyte: float) -> tuple[EncodeContext, EncoderRuns]:
    options = CompressionOptions(format=kind, max_bytes=round(kbyte * KBYTE))
    decoded = Decoded(source, probe(source, Limits()), options, Limits(), silent)
    return begun(decoded, options, Budget(clock=lambda: 0.0))


def ways(done: Compression) -> list[tuple[str, str]]:
    return [(one.name, one.decision.value) for one in done.report.considered]


def test_a_busy_picture_is_made_smaller_without_a_try_at_all_pixels() -> None:
    done = compress(busy(), SIZE)
    assert ways(done) == [("jpg smaller sides", "taken")]
    assert 0.9 * 20 * KBYTE < len(done.data) <= 20 * KBYTE
    assert done.report.width_px * HEIGHT_PX == pytest.approx(done.report.height_px * WIDTH_PX, rel=0.01)
    assert f"from {WIDTH_PX}x{HEIGHT_PX} to" in done.report.warnings[0]


def test_what_fits_at_all_its_pixels_keeps_them() -> None:
    done = compress(grainy(), SIZE)
    assert (done.report.width_px, done.report.height_px) == (WIDTH_PX, HEIGHT_PX)
    assert len(done.data) <= 20 * KBYTE
    assert ("jpg lossy", "taken") in ways(done)


def test_the_fewer_bytes_the_smaller_the_sides_whatever_the_source_has() -> None:
    sides = [
        sides_far_below(PROBE, TYPICAL_BYTES, OutputFormat.JPG, CompressionOptions(max_bytes=size * KBYTE))
        for size in (25, 50, 100, 400)
    ]
    assert sides[3] is None
    widths = [one[0] for one in sides[:3] if one is not None]
    assert widths == sorted(widths)
    assert len(widths) == 3
    assert widths[1] == pytest.approx(widths[0] * 2**0.5, rel=0.01)


@pytest.mark.parametrize(
    "asked",
    [
        CompressionOptions(quality=5),
        CompressionOptions(max_bytes=50 * KBYTE, width_px=4000),
        CompressionOptions(),
    ],
)
def test_where_no_size_or_the_sides_are_asked_for_all_pixels_are_decoded(asked: CompressionOptions) -> None:
    assert sides_far_below(PROBE, TYPICAL_BYTES, OutputFormat.JPG, asked) is None


def test_a_picture_with_little_in_it_is_decoded_whole() -> None:
    asked = CompressionOptions(max_bytes=100 * KBYTE)
    assert sides_far_below(PROBE, TYPICAL_BYTES, OutputFormat.JPG, asked) is not None
    assert sides_far_below(PROBE, TYPICAL_BYTES // 6, OutputFormat.JPG, asked) is None


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_fewer_pixels_are_judged_where_they_lie(bands: int) -> None:
    """A result of fewer pixels, made as large as its source by any viewer, does not move by half a pixel."""
    pixels = waves(16, bands)
    halved = pixels.reshape(120, 2, 160, 2, bands).mean(axis=(1, 3)).round().astype(np.uint8)
    file: bytes = pyvips.Image.new_from_array(halved).pngsave_buffer()
    assert QualityMeter(Raster(pixels)).score(Encoded(file, "halved")) > 88


@pytest.mark.parametrize("kind", [OutputFormat.JPG, OutputFormat.WEBP])
def test_strips_tell_that_all_pixels_take_too_much_before_they_are_encoded(kind: OutputFormat) -> None:
    source = busy()
    context, runs = begun_at(source, kind, 20)
    assert context.is_decoded_smaller
    assert not runs.done
    lowest, rate = next(iter(runs.seen_rates.items()))
    assert rate == pytest.approx(runs.rate_at(lowest, context.raster.total_pixels), abs=0.1)


def test_scales_of_a_large_picture_are_compared_in_few_encodes() -> None:
    """What one scale took says what the next one takes: about two encodes each, and one by the thorough encoder."""
    report = compress(busy(), CompressionOptions(format=OutputFormat.WEBP, max_bytes=20 * KBYTE)).report
    assert report.encodes <= 11
    assert report.score is not None


def test_a_photograph_over_a_size_with_every_loss_is_not_coded_without_any() -> None:
    asked = CompressionOptions(format=OutputFormat.WEBP, max_bytes=2 * KBYTE)
    told = compress(encoded(photo(640, 480), ".png"), asked).report.considered
    assert all(one.result_bytes is None or one.result_bytes <= 2 * KBYTE for one in told)
