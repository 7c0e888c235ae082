"""What is asked for is one of three, the time that is left is one, and a quality is lowered only where that is said."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.engine.pictures import decoded, drawing, encoded, photo

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Decision
from leanpix.domain.request import CompressionOptions
from leanpix.engine import Budget, compress
from leanpix.engine.codecs.base import Goal

JPG, PNG, WEBP = OutputFormat.JPG, OutputFormat.PNG, OutputFormat.WEBP


@pytest.fixture(scope="module")
def coloured() -> bytes:
    """Chroma detail at which halved chroma is right for a low quality and wrong for a high score."""
    pixels = photo(160, 120)
    pixels[::2, :, 0] = np.minimum(pixels[::2, :, 0], 200) + 50
    return encoded(pixels, ".png")


@pytest.mark.parametrize("asked", [{"quality": 40}, {"max_bytes": 2048}])
def test_a_target_score_beside_a_quality_or_a_size_changes_nothing(coloured: bytes, asked: dict[str, int]) -> None:
    plain, beside = (
        compress(coloured, CompressionOptions(format=JPG, target_score=score, **asked))  # type: ignore[arg-type]
        for score in (None, 90)
    )
    assert plain.report.encoder.endswith("4:2:0")
    assert plain.data == beside.data


def test_a_goal_is_one_of_three() -> None:
    with pytest.raises(ValueError, match="a quality, a rate or a score"):
        Goal(quality=80, score=90)


@pytest.mark.parametrize("compression", [0, 6])
@pytest.mark.parametrize("quality", [80, None])
def test_a_drawing_of_2_megapixels_keeps_every_pixel_however_its_source_was_packed(
    compression: int, quality: int | None
) -> None:
    pixels = np.tile(drawing(240, 270), (4, 8, 1))
    assert pixels.shape[0] * pixels.shape[1] > 2_000_000
    source = encoded(pixels, ".png", compression=compression)
    done = compress(source, CompressionOptions(format=WEBP, quality=quality))
    assert np.array_equal(decoded(done.data)[:, :, :3], pixels)


def test_a_quality_above_the_sources_own_is_lowered_to_it_where_format_and_dimensions_stay() -> None:
    source = encoded(photo(), ".jpg", Q=80)
    own, above = (compress(source, CompressionOptions(quality=quality)) for quality in (80, 88))
    assert above.data == own.data
    assert own.report.changes == ()
    assert above.report.changes == ("quality lowered from 88 to 80, the source's own",)


@pytest.mark.parametrize("more", [{"format": WEBP}, {"width_px": 200}])
def test_a_quality_above_the_sources_own_is_honoured_elsewhere(more: dict[str, int]) -> None:
    source = encoded(photo(), ".jpg", Q=70)
    own, above = (
        compress(source, CompressionOptions(quality=quality, **more))  # type: ignore[arg-type] # by name
        for quality in (70, 90)
    )
    assert len(above.data) > len(own.data)
    assert above.report.changes == own.report.changes


def test_formats_by_turns_leave_time_to_those_after_them_and_have_one_notion_of_it() -> None:
    whole = Budget(25, clock=lambda: 10.0)
    part = whole.reserving(5)
    assert (part.left_s(), part.allows(20), part.allows(21)) == (20, True, False)
    assert whole.reserving(99).left_s() == 12.5
    assert part.started_s == whole.started_s


def test_the_report_tells_what_was_considered_and_why_the_rest_was_not_made() -> None:
    report = compress(encoded(photo(), ".jpg", Q=95), CompressionOptions(quality=60)).report
    assert [(one.name, one.decision) for one in report.considered] == [
        ("jpg lossy", Decision.TAKEN),
        ("jpg repacked source", Decision.CANNOT_WIN),
    ]
    assert report.considered[0].result_bytes == report.result_bytes


def test_of_several_formats_the_report_tells_what_was_considered_in_all() -> None:
    asked = CompressionOptions(alternatives=(JPG, WEBP), quality=70)
    report = compress(encoded(photo(), ".png"), asked).report
    taken = [one.name for one in report.considered if one.decision is Decision.TAKEN]
    assert taken == [f"{report.format} lossy"]
    assert {one.name.split()[0] for one in report.considered} == {"jpg", "webp"}


def test_the_report_tells_that_a_result_may_not_be_larger_than_its_source() -> None:
    source = encoded(photo(), ".webp", Q=30)
    report = compress(source, CompressionOptions(quality=97, background="ffffff")).report
    assert report.result_bytes <= len(source)
    assert [one.result_bytes for one in report.considered if one.decision is Decision.TAKEN] == [report.result_bytes]


def test_the_report_tells_what_came_nearest_where_nothing_reaches_a_score() -> None:
    report = compress(encoded(photo(), ".png"), CompressionOptions(format=JPG, target_score=99.5)).report
    assert [one.name for one in report.considered if one.decision is Decision.FELL_SHORT] == [
        "jpg lossy",
        "jpg lossy, whole chroma",
    ]
    assert report.considered[-1].name == "what comes nearest"
    assert report.considered[-1].decision is Decision.TAKEN


def hard_edged(side: int = 512) -> bytes:
    """Chessboards with fields of a pixel in hundreds of pairs of colours: hard edges all over."""
    colours = np.random.default_rng(5).integers(0, 256, (side // 16, side // 16, 2, 3), dtype=np.uint8)
    y, x = np.mgrid[0:side, 0:side]
    return encoded(np.ascontiguousarray(colours[y // 16, x // 16, (x + y) % 2]), ".png", compression=1)


def test_a_pattern_of_hard_edges_keeps_every_pixel_where_a_size_has_room_for_them() -> None:
    source = hard_edged()
    made = compress(source, CompressionOptions(format=WEBP, max_bytes=len(source) // 2))
    assert np.array_equal(decoded(made.data), decoded(source))


@pytest.mark.parametrize("source_format", ["GIF", "BMP", "TIFF"])
def test_a_drawing_whose_format_is_recommended_meets_a_size_at_its_own_sides(source_format: str) -> None:
    y, x = np.mgrid[0:240, 0:320]
    squares = np.stack([x * 255 // 319, y * 255 // 239, ((x // 20 + y // 20) % 2) * 180 + 30], -1)
    noise = np.random.default_rng(1).normal(0, 6, squares.shape)
    source = io.BytesIO()
    Image.fromarray(np.clip(squares + noise, 0, 255).astype(np.uint8)).quantize(64).save(source, source_format)
    done = compress(source.getvalue(), CompressionOptions(max_bytes=10_000))
    assert done.report.result_bytes <= 10_000
    assert (done.report.width_px, done.report.height_px) == (320, 240)
    assert done.report.format.facts.has_target_size


@pytest.mark.parametrize(("side", "method"), [(200, 6), (1100, 5)])
def test_a_small_picture_at_a_quality_is_encoded_by_the_slower_method(side: int, method: int) -> None:
    made = compress(encoded(photo(side, side), ".png"), CompressionOptions(format=WEBP, quality=60))
    assert made.report.encoder == f"libwebp (method {method})"
