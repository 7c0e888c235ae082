"""What compress() promises, on made-up pictures: formats, qualities, sizes, never larger."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from tests.engine.pictures import animation, decoded, drawing, encoded, photo

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import STANDARD_FORMATS
from leanpix.domain.states import TaskState
from leanpix.engine import Budget, CompressionOptions, OutputFormat, compress
from leanpix.engine.judging.comparison import score

JPG, PNG, WEBP = STANDARD_FORMATS


@pytest.fixture(scope="module")
def photo_png() -> bytes:
    return encoded(photo(), ".png")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".tif"])
@pytest.mark.parametrize("target", STANDARD_FORMATS)
def test_every_source_becomes_every_format_with_its_dimensions(suffix: str, target: OutputFormat) -> None:
    source = encoded(photo(96, 64), suffix)
    result = compress(source, CompressionOptions(format=target, quality=80))
    image = pyvips.Image.new_from_buffer(result.data, "")
    assert (image.width, image.height) == (96, 64)
    assert image.get("vips-loader").startswith({JPG: "jpeg", PNG: "png", WEBP: "webp"}[target])
    assert result.report.format is target
    assert result.report.result_bytes == len(result.data)


def test_jpeg_bytes_grow_with_quality_without_a_jump(photo_png: bytes) -> None:
    sizes = [
        len(compress(photo_png, CompressionOptions(format=JPG, quality=quality)).data) for quality in range(80, 100, 1)
    ]
    ratios = [after / before for before, after in pairwise(sizes)]
    assert min(ratios) >= 1
    assert ratios[9] < 1.1 * max(ratios[8], ratios[10])  # from 89 to 90, where other encoders change subsampling
    assert max(ratios) < 1.25


def test_png_at_quality_100_keeps_every_pixel(photo_png: bytes) -> None:
    result = compress(photo_png, CompressionOptions(quality=100))
    assert np.array_equal(decoded(result.data), photo())
    assert len(result.data) <= len(photo_png)


def test_png_of_a_drawing_keeps_every_pixel_at_any_quality() -> None:
    source = encoded(drawing(), ".png")
    result = compress(source, CompressionOptions(quality=60))
    assert np.array_equal(decoded(result.data)[:, :, :3], drawing())


def test_webp_of_a_drawing_is_lossless_because_that_is_smaller() -> None:
    result = compress(encoded(drawing(), ".png"), CompressionOptions(format=WEBP, quality=80))
    assert result.report.encoder.startswith("libwebp lossless")
    assert np.array_equal(decoded(result.data)[:, :, :3], drawing())


@pytest.mark.parametrize(("suffix", "settings"), [(".jpg", {"Q": 60}), (".webp", {"Q": 60}), (".png", {})])
def test_a_high_quality_does_not_inflate_a_source_of_low_quality(suffix: str, settings: dict[str, int]) -> None:
    source = encoded(photo(), suffix, **settings)
    result = compress(source, CompressionOptions(quality=97))
    assert len(result.data) <= len(source)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".png"])
def test_compressing_a_result_again_never_makes_it_larger(suffix: str) -> None:
    data = encoded(photo(), suffix)
    for quality in (70, 90, 100):
        again = compress(data, CompressionOptions(quality=quality)).data
        assert len(again) <= len(data)
        data = again


@pytest.mark.parametrize("target", [JPG, WEBP])
@pytest.mark.parametrize("max_bytes", [2048, 4096, 8192, 20480])
def test_a_size_is_met_from_below(photo_png: bytes, target: OutputFormat, max_bytes: int) -> None:
    result = compress(photo_png, CompressionOptions(format=target, max_bytes=max_bytes))
    assert 0.93 * max_bytes <= len(result.data) <= max_bytes
    assert result.report.encodes <= 12  # ten on the grid, two between


def test_png_meets_a_size_by_a_smaller_palette(photo_png: bytes) -> None:
    limit = len(photo_png) // 4
    result = compress(photo_png, CompressionOptions(format=PNG, max_bytes=limit))
    assert len(result.data) <= limit


def test_a_size_that_fixed_dimensions_cannot_meet_is_a_clear_failure(photo_png: bytes) -> None:
    with pytest.raises(TaskFailure, match="Even the lowest quality") as failure:
        compress(photo_png, CompressionOptions(format=JPG, max_bytes=200, width_px=320))
    assert failure.value.state is TaskState.NOT_MEETING_REQUIREMENTS


def test_phases_are_told_in_order(photo_png: bytes) -> None:
    phases: list[str] = []
    compress(photo_png, CompressionOptions(format=JPG, quality=80), on_phase=phases.append)
    assert phases == ["decoding", "encoding"]
    phases.clear()
    compress(photo_png, CompressionOptions(format=JPG, max_bytes=5000), on_phase=phases.append)
    assert phases == ["decoding", "searching"]


def test_an_animation_keeps_frames_delays_loop_and_transparency() -> None:
    result = compress(animation(), CompressionOptions(quality=80))
    image = pyvips.Image.new_from_buffer(result.data, "", n=-1)
    assert result.report.format is WEBP
    assert image.get("n-pages") == 4
    assert image.get("delay") == [50, 60, 70, 80]
    assert image.get("loop") == 3
    frames = image.numpy().reshape(4, 48, 48, 4)
    assert [int((frame[:, :, 3] > 128).sum()) for frame in frames] == [256] * 4


def test_an_opaque_tiff_photo_becomes_jpeg_and_a_drawing_png() -> None:
    assert compress(encoded(photo(), ".tif"), CompressionOptions(quality=80)).report.format is JPG
    assert compress(encoded(drawing(), ".tif"), CompressionOptions(quality=80)).report.format is PNG


def test_a_transparent_tiff_becomes_webp() -> None:
    source = encoded(drawing(bands=4), ".tif")
    assert compress(source, CompressionOptions(quality=80)).report.format is WEBP


@pytest.mark.parametrize("target", STANDARD_FORMATS)
@pytest.mark.parametrize("score", [60.0, 75.0, 85.0])
def test_automatic_quality_reaches_its_score_and_not_much_more(target: OutputFormat, score: float) -> None:
    source = encoded(photo(), ".png")
    report = compress(source, CompressionOptions(format=target, target_score=score)).report
    assert report.score is not None
    assert report.score >= score
    if report.encoder.startswith("jpegli"):
        # jpegli's wheel takes whole qualities only, a point of score apart at most.
        assert report.score <= score + (1.0 if "wheel" in report.encoder else 0.5)


def test_automatic_quality_scores_what_is_behind_transparency_as_seen() -> None:
    source = encoded(drawing(bands=4), ".png")
    report = compress(source, CompressionOptions(format=WEBP, target_score=80)).report
    assert report.score is not None
    assert report.score >= 80


@pytest.mark.parametrize("target", [JPG, WEBP])
def test_dimensions_shrink_when_even_the_lowest_quality_is_too_large(target: OutputFormat) -> None:
    source = encoded(photo(640, 480), ".png")
    result = compress(source, CompressionOptions(format=target, max_bytes=1500))
    assert len(result.data) <= 1500
    assert result.report.width_px < 640
    assert abs(result.report.width_px / result.report.height_px - 640 / 480) < 0.05
    assert any(warning.startswith("downscaled from 640x480") for warning in result.report.warnings)
    image = pyvips.Image.new_from_buffer(result.data, "")
    assert (image.width, image.height) == (result.report.width_px, result.report.height_px)


def test_of_the_scales_that_are_tried_the_best_alone_gets_the_thorough_encoder() -> None:
    report = compress(encoded(photo(640, 480), ".png"), CompressionOptions(format=WEBP, max_bytes=1500)).report
    assert report.width_px < 640
    assert report.encodes <= 11  # three scales in nine, and the best of them once more


@pytest.mark.parametrize("target", STANDARD_FORMATS)
@pytest.mark.parametrize(
    "options",
    [
        CompressionOptions(quality=80),
        CompressionOptions(max_bytes=40_000),
        CompressionOptions(target_score=75),
        CompressionOptions(target_score=99),
    ],
)
def test_when_time_runs_out_the_result_is_what_there_is(target: OutputFormat, options: CompressionOptions) -> None:
    seconds = iter(range(0, 10_000, 20))
    budget = Budget(limit_s=25, clock=lambda: float(next(seconds)))
    result = compress(encoded(photo(), ".png"), replace(options, format=target), budget=budget)
    assert result.report.effort == "minimal"
    assert result.report.encodes <= 5
    assert len(result.data) <= (options.max_bytes or len(result.data))


def test_a_target_score_out_of_reach_is_said_and_the_best_is_given() -> None:
    report = compress(encoded(photo(), ".png"), CompressionOptions(format=JPG, target_score=99.5)).report
    assert any("out of this format's reach" in warning for warning in report.warnings)
    assert report.score is not None
    assert report.score > 80


def test_a_transparent_animation_is_scored_as_seen() -> None:
    report = compress(animation(), CompressionOptions(target_score=70)).report
    assert report.frames == 4
    assert report.score is not None
    assert report.score >= 70


@pytest.mark.parametrize("height", [None, 30])
def test_fixed_dimensions_are_kept_at_any_size_that_can_be_met(height: int | None) -> None:
    options = CompressionOptions(format=JPG, max_bytes=1024, width_px=100, height_px=height)
    result = compress(encoded(photo(), ".png"), options)
    assert result.report.width_px == 100
    assert len(result.data) <= 1024


def test_a_large_picture_reaches_its_score_as_a_whole_and_says_what_was_scored() -> None:
    smooth = pyvips.Image.new_from_array(photo()).resize(16.25)
    busy = pyvips.Image.new_from_array(photo(400, 300, seed=2)).replicate(13, 1).crop(0, 0, smooth.width, 300)
    source = smooth.join(busy, "vertical").copy(interpretation="srgb").pngsave_buffer(compression=0)
    result = compress(source, CompressionOptions(format=JPG, target_score=70))
    assert result.report.width_px * result.report.height_px > 20_000_000
    assert any("nine tiles" in warning for warning in result.report.warnings)
    assert result.report.score is not None
    assert score(decoded(source), decoded(result.data)) >= 70
    assert result.report.score == pytest.approx(score(decoded(source), decoded(result.data)), abs=2.5)


@pytest.mark.parametrize("target", [JPG, WEBP])
@pytest.mark.parametrize("pixels", [photo(160, 120), drawing(160, 120)], ids=["photo", "drawing"])
def test_bytes_grow_with_every_quality_and_jump_nowhere(target: OutputFormat, pixels: NDArray[np.uint8]) -> None:
    source = encoded(pixels, ".png")
    sizes = [
        len(compress(source, CompressionOptions(format=target, quality=quality)).data) for quality in range(1, 101)
    ]
    steps = [after / before for before, after in pairwise(sizes)]
    # Where encoders meet (quality 30) and in libwebp a step may go back by a little.
    assert min(steps) >= 0.95
    # The last qualities of both formats are steep; from 59 to 60 detailed chroma gets its full size.
    assert max(steps[:95]) < 1.3
    assert steps[88] < 1.1 * max(steps[87], steps[89])


@pytest.mark.parametrize("target", [JPG, WEBP])
def test_a_size_that_allows_it_goes_into_chroma(target: OutputFormat) -> None:
    pixels = photo()
    pixels[::2, ::2, 0] = np.minimum(pixels[::2, ::2, 0], 215) + 40  # finer than halved chroma can show
    source = encoded(pixels, ".png")
    result = compress(source, CompressionOptions(format=target, max_bytes=70_000))
    halved = {
        JPG: encoded(pixels, ".jpg", Q=98, subsample_mode="on"),
        WEBP: encoded(pixels, ".webp", Q=100),
    }[target]
    assert len(result.data) <= 70_000
    assert score(pixels, decoded(result.data)[:, :, :3]) > score(pixels, decoded(halved)[:, :, :3])
