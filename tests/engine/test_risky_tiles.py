"""Pictures too large to be looked at whole: crops of where they are likeliest to look worst decide at a quality."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support import trust

from leanpix.domain.report import Report
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.content.cells import SourceCells, cells
from leanpix.engine.content.cells.risky_tiles import RiskyTiles
from leanpix.engine.judging import meter
from leanpix.engine.judging.worst_place import WorstPlaces

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT, SIDE = 1536, 1024, 256
every_format = pytest.mark.parametrize("kind", [OutputFormat.JPG, OutputFormat.WEBP], ids=["jpg", "webp"])


@pytest.fixture
def large() -> Iterator[None]:
    """As if what is too large to be looked at whole began below the sides of these pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meter, "_WHOLE_UP_TO_PIXELS", 500_000)
        patch.setattr(meter, "_SCORED_TILE_PX", 128)
        yield


def busy() -> Pixels:
    return np.random.default_rng(1).integers(60, 190, (HEIGHT, WIDTH, 1), np.uint8).repeat(3, axis=2)


def gradient(rows: int = HEIGHT) -> Pixels:
    y, x = np.mgrid[0:rows, 0:WIDTH].astype(np.float32)
    bands = [120 + 60 * y / HEIGHT + 12 * np.sin(x / 300), 150 + 40 * y / HEIGHT, 205 - 30 * x / WIDTH]
    return np.dstack(bands).round().astype(np.uint8)


def tiles_of(pixels: Pixels) -> RiskyTiles:
    return RiskyTiles.of(SourceCells.of(pixels, cells()), SIDE)


def made(pixels: Pixels, kind: OutputFormat, quality: int) -> tuple[Pixels, Report]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "BMP")
    done = compress(file.getvalue(), CompressionOptions(format=kind, quality=quality))
    return np.ascontiguousarray(np.asarray(Image.open(io.BytesIO(done.data)).convert("RGB"))), done.report


def test_smooth_ground_thin_colour_and_the_darkest_part_are_found() -> None:
    pixels = busy()
    pixels[512:768, 256:512] = gradient()[512:768, 256:512]
    pixels[300, 1100:1200] = (230, 0, 30)
    pixels[768:, 1280:] //= 12
    assert set(tiles_of(pixels).corners) == {(512, 256), (256, 1024), (768, 1280)}


def test_of_ground_all_over_four_tiles_are_taken_that_lie_apart() -> None:
    corners = tiles_of(gradient()).corners
    assert len(corners) == 4
    assert {(0, 0), (768, 1280)} <= set(corners)


def test_nothing_is_at_risk_in_noise_in_what_is_flat_and_in_less_than_a_tile() -> None:
    assert tiles_of(busy()).corners == ()
    assert tiles_of(np.full((HEIGHT, WIDTH, 3), 20, np.uint8)).corners == ()
    assert tiles_of(gradient()[: SIDE // 2]).corners == ()


def test_gray_has_tiles_too() -> None:
    assert len(tiles_of(np.ascontiguousarray(gradient()[:, :, :1])).corners) == 4


def test_how_much_of_a_picture_is_dark_is_told() -> None:
    pixels = busy()
    pixels[:, : WIDTH // 4] = 9
    assert tiles_of(pixels).dark_share == pytest.approx(0.25, abs=0.01)


@pytest.mark.usefixtures("large")
@every_format
@pytest.mark.parametrize("quality", [75, 90])
def test_a_sky_of_a_large_picture_has_no_rings_at_a_quality(kind: OutputFormat, quality: int) -> None:
    source = trust.texture(3, WIDTH, HEIGHT)
    source[:640] = gradient(640)
    result, report = made(source, kind, quality)
    (worst, *_) = WorstPlaces(source).worst(result)
    assert worst.ratio <= 1 or worst.is_slight
    assert report.worst is not None
    assert report.worst.top_px < 640
    assert report.worst.value == pytest.approx(worst.value, rel=0.5)


@pytest.mark.usefixtures("large")
@every_format
def test_a_large_night_keeps_its_levels(kind: OutputFormat) -> None:
    source = np.round(trust.texture(4, WIDTH, HEIGHT) * (14 / 255)).astype(np.uint8)
    result, _ = made(source, kind, 60)
    before, after = (len(np.unique(one.mean(2).round())) for one in (source, result))
    assert after >= before / 2


@pytest.mark.usefixtures("large")
@every_format
def test_a_large_picture_with_nothing_at_risk_costs_no_further_encode(kind: OutputFormat) -> None:
    _, report = made(busy(), kind, 80)
    assert report.encodes <= 2  # of WebP every pixel kept, too
    assert report.worst is None


@pytest.mark.usefixtures("large")
@every_format
def test_what_is_looked_at_is_bounded(kind: OutputFormat) -> None:
    _, report = made(gradient(), kind, 75)
    assert report.encodes <= 4 * 12 + 1
