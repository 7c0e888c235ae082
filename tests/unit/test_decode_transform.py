"""Sizes, alpha and edges: what becomes of a sound picture on its way to an encoder."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image
from tests.support.decoding import loaded, pixels_of, rgba_of
from tests.support.pictures import encoded, gradient

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions, Fit
from leanpix.domain.states import TaskState

WIDE = encoded(gradient(200, 100), "PNG")
OPAQUE = 255


def _size(source: bytes, **options: object) -> tuple[int, int]:
    picture = loaded(source, CompressionOptions(**options))  # type: ignore[arg-type] # the caller's own keywords
    assert (picture.image.width, picture.image.height) == (picture.width_px, picture.height_px)
    return picture.width_px, picture.height_px


@pytest.mark.parametrize(
    ("wide", "high", "expected"),
    [
        (50, None, (50, 25)),
        (None, 50, (100, 50)),
        (50, 50, (50, 50)),
        (400, None, (400, 200)),
        (1, None, (1, 1)),
        (3, None, (3, 2)),
        (8000, None, (8000, 4000)),
    ],
)
def test_one_side_keeps_the_proportions_and_two_are_exact(
    wide: int | None, high: int | None, expected: tuple[int, int]
) -> None:
    assert _size(WIDE, width_px=wide, height_px=high) == expected


@pytest.mark.parametrize(
    ("fit", "expected"),
    [(Fit.FILL, (60, 80)), (Fit.INSIDE, (60, 30)), (Fit.CONTAIN, (60, 80)), (Fit.COVER, (60, 80))],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_fit_decides_how_two_sides_are_met(fit: Fit, expected: tuple[int, int], kind: str) -> None:
    assert _size(encoded(gradient(200, 100), kind), width_px=60, height_px=80, fit=fit) == expected


def test_contain_pads_with_white_and_cover_cuts_both_ends() -> None:
    picture = Image.new("RGB", (90, 30), (0, 0, 255))
    picture.paste((255, 0, 0), (0, 0, 30, 30))
    source = encoded(picture, "PNG")
    contained = pixels_of(loaded(source, CompressionOptions(width_px=30, height_px=30, fit=Fit.CONTAIN)))
    assert contained[:9].min() == OPAQUE
    assert contained[-9:].min() == OPAQUE
    assert contained[15, 2].tolist() == [255, 0, 0]
    covered = pixels_of(loaded(source, CompressionOptions(width_px=30, height_px=30, fit=Fit.COVER)))
    assert (covered == [0, 0, 255]).all(axis=2).mean() > 0.9


def test_contain_pads_with_nothing_where_there_is_alpha() -> None:
    source = encoded(Image.new("RGBA", (90, 30), (0, 0, 255, 128)), "PNG")
    options = CompressionOptions(width_px=30, height_px=30, fit=Fit.CONTAIN)
    assert pixels_of(loaded(source, options))[0, 0, 3] == 0
    assert pixels_of(loaded(source, options, OutputFormat.JPG))[0, 0].tolist() == [255, 255, 255]


def test_proportions_that_lead_over_the_limit_are_refused() -> None:
    with pytest.raises(TaskFailure) as raised:
        _size(encoded(gradient(10, 200), "PNG"), width_px=8000)
    assert raised.value.state == TaskState.NOT_MEETING_REQUIREMENTS


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("width", [60, 100, 177, 399, 799])
def test_shrinking_while_decoding_gives_what_shrinking_after_gives(kind: str, width: int) -> None:
    photo = gradient(800, 600).resize((400, 300)).resize((800, 600))
    source = encoded(photo, kind, quality=95)
    shrunk = pixels_of(loaded(source, CompressionOptions(width_px=width)))
    with_pillow = photo.resize((shrunk.shape[1], shrunk.shape[0]), Image.Resampling.LANCZOS)
    assert np.abs(shrunk - np.asarray(with_pillow, np.int16)).mean() < 4


def _mirrored_noise(mode: str) -> bytes:
    """Noise of 48 x 32 that looks the same turned left to right and top to bottom."""
    bands = {"L": 1, "I;16": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    quarter = np.random.default_rng(7).integers(0, 256, (16, 24, bands)).astype(np.uint8)
    half = np.concatenate([quarter, quarter[:, ::-1]], axis=1)
    pixels = np.concatenate([half, half[::-1]])
    if mode == "I;16":
        return encoded(Image.fromarray(pixels[..., 0].astype(np.uint16) * 257), "PNG")
    return encoded(Image.fromarray(pixels if bands > 1 else pixels[..., 0]), "PNG")


# Both sides larger, alike and not; one larger, the other as it was; one larger, the other smaller.
ENLARGED = [(49, 33), (62, 42), (96, 64), (178, 118), (62, 118), (48, 64), (96, 32), (96, 16), (20, 75), (48, 33)]


@pytest.mark.parametrize("mode", ["L", "I;16", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", ENLARGED)
def test_what_is_enlarged_stays_as_symmetric_as_it_was(mode: str, size: tuple[int, int]) -> None:
    picture = loaded(_mirrored_noise(mode), CompressionOptions(width_px=size[0], height_px=size[1], fit=Fit.FILL))
    pixels = rgba_of(picture)
    weighted = pixels * (pixels[..., 3:] / OPAQUE)
    assert pixels.shape[1::-1] == size
    assert np.abs(weighted - weighted[:, ::-1]).max() <= 2
    assert np.abs(weighted - weighted[::-1]).max() <= 2


@pytest.mark.parametrize("size", ENLARGED)
def test_what_is_enlarged_lies_where_pillow_lays_it(size: tuple[int, int]) -> None:
    """A bell away from the middle: its centre, in pixels of the source."""
    y, x = np.mgrid[0:32, 0:48]
    bell = 250 * np.exp(-(((x - 19) / 3) ** 2 + ((y - 18) / 3) ** 2) / 2)
    picture = Image.fromarray(bell.round().astype(np.uint8))
    ours = pixels_of(loaded(encoded(picture, "PNG"), CompressionOptions(width_px=size[0], height_px=size[1])))[..., 0]
    pillows = np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
    assert np.abs(_centre(ours, picture.size) - _centre(pillows, picture.size)).max() < 0.02


def _centre(pixels: NDArray[np.generic], size: tuple[int, int]) -> NDArray[np.float64]:
    weights = np.asarray(pixels, np.float64)
    high, wide = weights.shape
    y, x = np.mgrid[0:high, 0:wide] + 0.5
    total = float(weights.sum())
    return np.array([(x * weights).sum() * size[0] / wide / total, (y * weights).sum() * size[1] / high / total])


def test_enlarging_keeps_a_side_that_does_not_grow_as_sharp_as_it_was() -> None:
    rows = np.tile(np.array([[0], [255]], np.uint8), (16, 48))
    wider = pixels_of(loaded(encoded(Image.fromarray(rows), "PNG"), CompressionOptions(width_px=96, height_px=32)))
    assert np.array_equal(wider[..., 0], np.repeat(rows, 2, axis=1))


@pytest.mark.parametrize(("side", "half", "asked"), [(40, 20, 13), (13, 6, 40)])
def test_resizing_weighs_colours_by_their_alpha(side: int, half: int, asked: int) -> None:
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[:, :half] = (255, 0, 0, 255)
    pixels[:, half:] = (0, 255, 0, 0)
    resized = pixels_of(loaded(encoded(Image.fromarray(pixels), "PNG"), CompressionOptions(width_px=asked)))
    seen = resized[resized[..., 3] > 16]
    assert seen[:, 0].min() >= 250
    assert seen[:, 1].max() <= 5


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_alpha_is_flattened_on_white_for_jpeg_only(mode: str) -> None:
    picture = Image.new(mode, (16, 16), 0)
    picture.putalpha(Image.new("L", (16, 16), 0))
    flat = loaded(encoded(picture, "PNG"), target=OutputFormat.JPG)
    assert not flat.has_alpha
    assert pixels_of(flat).min() == OPAQUE
    assert loaded(encoded(picture, "PNG"), target=OutputFormat.WEBP).has_alpha


def test_alpha_that_hides_nothing_is_left_out() -> None:
    picture = loaded(encoded(gradient(16, 16).convert("RGBA"), "PNG"))
    assert picture.probe.has_alpha
    assert not picture.has_alpha


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_smallest_pictures_decode(size: tuple[int, int], mode: str) -> None:
    assert _size(encoded(Image.new(mode, size, 1), "PNG")) == size


def test_nothing_but_pixels_is_left_on_the_image() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        fields = loaded(encoded(gradient(16, 16), kind, exif=exif)).image.get_fields()
        assert not [name for name in fields if "exif" in name or "xmp" in name or "icc" in name]


def test_libvips_takes_no_format_but_those_asked_for() -> None:
    for body in (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', b"P2 1 1 9 5", b"2 1\n1 2\n"):
        with pytest.raises(pyvips.Error):
            pyvips.Image.new_from_buffer(body, "")
    for loader in ("svgload_buffer", "uhdrload_buffer"):
        with pytest.raises(pyvips.Error, match="blocked"):
            getattr(pyvips.Image, loader)(b"anything")
