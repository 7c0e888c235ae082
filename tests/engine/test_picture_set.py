"""A set: widths and formats of one picture from one decode, the same as each would be by itself."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from tests.engine.pictures import animation, drawing, encoded, photo

from leanpix.domain.errors import InvalidParameterError
from leanpix.engine import CompressionOptions, Limits, OutputFormat, compress, compress_set, score
from leanpix.engine.content.placeholder import dominant_colour, placeholder_of, thumbhash
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget

JPG, PNG, WEBP, AVIF, JXL = OutputFormat


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_each_width_is_made_in_each_format_from_one_decode() -> None:
    phases = list[str]()
    options = CompressionOptions(widths=(200, 80), alternatives=(AVIF, JPG))
    done = compress_set(encoded(photo(), ".png"), options, on_phase=phases.append)
    files = unzipped(done.data)
    assert list(files) == ["80.avif", "80.jpg", "200.avif", "200.jpg", "manifest.json"]
    assert phases.count("decoding") == 1
    for image in done.report.images:
        with Image.open(io.BytesIO(files[image.name])) as opened:
            assert opened.size == (image.width_px, image.height_px)
        assert len(files[image.name]) == image.result_bytes
        assert (image.score or 0) >= 75
    assert done.report.result_bytes == len(done.data)


def test_a_size_looks_as_it_would_by_itself() -> None:
    source = encoded(photo(), ".png")
    made = unzipped(compress_set(source, CompressionOptions(widths=(160, 240), format=PNG, quality=100)).data)
    for width in (160, 240):
        alone = compress(source, CompressionOptions(width_px=width, format=PNG, quality=100)).data
        pictures = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in (made[f"{width}.png"], alone)]
        assert score(pictures[0], pictures[1]) > 95


def test_none_is_enlarged_and_none_made_twice() -> None:
    done = compress_set(encoded(photo(), ".jpg"), CompressionOptions(widths=(320, 400, 5000), format=WEBP))
    assert [image.width_px for image in done.report.images] == [320]


def test_the_same_set_has_the_same_bytes() -> None:
    options = CompressionOptions(widths=(64,), alternatives=(JPG, WEBP), quality=70)
    first, second = (compress_set(encoded(photo(), ".jpg"), options).data for _ in range(2))
    assert first == second


def test_formats_that_lose_transparency_take_no_part() -> None:
    done = compress_set(encoded(drawing(bands=4), ".png"), CompressionOptions(widths=(100,), alternatives=(JPG, WEBP)))
    assert [image.format for image in done.report.images] == [WEBP]


def test_without_a_format_it_is_the_source_own_or_the_one_that_suits() -> None:
    for source, expected in ((encoded(photo(), ".jpg"), JPG), (encoded(photo(), ".tif"), JPG), (animation(), WEBP)):
        done = compress_set(source, CompressionOptions(widths=(40,)))
        assert {image.format for image in done.report.images} == {expected}
    assert any(warning.startswith("animation dropped") for warning in done.report.warnings)


def test_the_manifest_says_what_is_there() -> None:
    options = CompressionOptions(widths=(100,), alternatives=(JPG, WEBP), quality=80)
    manifest = json.loads(unzipped(compress_set(encoded(photo(), ".png"), options).data)["manifest.json"])
    assert manifest["source"]["width"] == 320
    assert [(one["name"], one["media_type"]) for one in manifest["images"]] == [
        ("100.jpg", "image/jpeg"),
        ("100.webp", "image/webp"),
    ]
    assert set(manifest["placeholder"]) == {"thumbhash", "colour"}


@pytest.mark.parametrize("widths", [(0,), (8001,), (100, 100), tuple(range(1, 18))])
def test_widths_have_bounds(widths: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParameterError, match="widths"):
        CompressionOptions(widths=widths)


def test_a_set_has_no_other_sides_and_no_end_of_pictures() -> None:
    with pytest.raises(InvalidParameterError, match="widths"):
        CompressionOptions(widths=(100,), width_px=50)
    with pytest.raises(InvalidParameterError, match="at most 32"):
        CompressionOptions(widths=tuple(range(1, 13)), alternatives=(JPG, WEBP, AVIF))


def test_the_whole_picture_is_counted_beside_what_is_made_of_it() -> None:
    facts = probe(encoded(photo(), ".jpg"), Limits())
    one, several = (
        resource_budget(facts, CompressionOptions(format=WEBP, widths=widths)).memory_bytes for widths in ((), (100,))
    )
    assert several == one + 320 * 240 * 3


# Of the published reference (thumbhash 0.1.1 of its author), over pictures that are made alike.
@pytest.mark.parametrize(
    ("width", "height", "has_alpha", "expected"),
    [
        (32, 24, False, "59080e1d966076877088888688678887f5a60ff787"),
        (20, 30, True, "19888913101a6280597968fb953df88760786169968676"),
    ],
)
def test_a_thumbhash_is_the_reference_own(width: int, height: int, has_alpha: bool, expected: str) -> None:
    y, x = np.mgrid[0:height, 0:width]
    alpha = 90 + (x * 5 + y * 3) % 166 if has_alpha else np.full(x.shape, 255)
    rgba = np.stack([x * 7 % 256, y * 9 % 256, (x * y) % 256, alpha], axis=2).astype(np.uint8)
    assert thumbhash(rgba).hex() == expected


def test_the_dominant_colour_is_that_of_the_largest_group() -> None:
    rgba = np.full((10, 10, 4), (200, 30, 30, 255), np.uint8)
    rgba[:4] = (0, 0, 255, 255)
    rgba[9] = (255, 255, 255, 0)
    assert dominant_colour(rgba) == "c81e1e"
    assert placeholder_of(np.zeros((4, 4, 4), np.uint8)).colour == "ffffff"
