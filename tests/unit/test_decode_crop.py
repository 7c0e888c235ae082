"""What is kept where a picture hangs over: what draws the eye, or a whole object on plain ground."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tests.support.corpus import corpus_file, needs_photographs
from tests.support.decoding import loaded, pixels_of
from tests.support.pictures import encoded

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions, Crop, Fit
from leanpix.engine.facts import Limits
from leanpix.engine.judging.comparison import score
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget

Pixels = NDArray[np.uint8]


def kept(source: bytes, width_px: int, height_px: int, crop: Crop) -> Pixels:
    options = CompressionOptions(
        width_px=width_px, height_px=height_px, fit=Fit.COVER, crop=crop, enlarge=False, format=OutputFormat.PNG
    )
    found = pixels_of(loaded(source, options)).astype(np.uint8)
    assert found.shape[:2] == (height_px, width_px)
    return found


def yellow(pixels: Pixels) -> int:
    """How many pixels are of a strong yellow: a cap, a parrot."""
    red, green, blue = (pixels[:, :, band].astype(int) for band in range(3))
    return int(((red > 150) & (green > 120) & (blue < 90)).sum())


def street(left: int) -> Image.Image:
    """A gray, rough picture with a red disc of 60 pixels, left of which it begins."""
    rng = np.random.default_rng(5)
    picture = Image.fromarray(rng.integers(100, 130, (120, 480), np.uint8)).convert("RGB")
    ImageDraw.Draw(picture).ellipse((left, 30, left + 60, 90), fill=(220, 40, 30))
    return picture


def red(pixels: Pixels) -> int:
    return int(((pixels[:, :, 0] > 180) & (pixels[:, :, 1] < 90)).sum())


@pytest.mark.parametrize("left", [10, 140, 400])
def test_what_draws_the_eye_is_kept_wherever_it_is(left: int) -> None:
    source = encoded(street(left), "PNG")
    whole = red(np.asarray(street(left)))
    assert red(kept(source, 120, 120, Crop.ATTENTION)) == whole
    assert red(kept(source, 120, 120, Crop.CENTRE)) < 0.75 * whole


@needs_photographs
@pytest.mark.parametrize(("name", "times"), [("a_Z_kodim03.png", 2.0), ("a_Z_kodim23.png", 2.0)])
def test_of_photographs_more_of_the_subject_is_kept_than_at_the_centre(name: str, times: float) -> None:
    source = corpus_file(name).read_bytes()
    attention, centre = (kept(source, 128, 256, crop) for crop in (Crop.ATTENTION, Crop.CENTRE))
    assert yellow(attention) > times * yellow(centre)


def test_a_turned_photograph_is_looked_at_upright() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    upright = street(300)
    stored = encoded(upright.transpose(Image.Transpose.ROTATE_90), "PNG", exif=turned.tobytes())
    expected = kept(encoded(upright, "PNG"), 120, 120, Crop.ATTENTION)
    assert score(expected, kept(stored, 120, 120, Crop.ATTENTION)) > 99.9


def test_all_frames_keep_the_same_part() -> None:
    frames = [street(300), street(20), street(150)]
    source = io.BytesIO()
    frames[0].save(source, "GIF", save_all=True, append_images=frames[1:], duration=50)
    options = CompressionOptions(width_px=120, height_px=120, fit=Fit.COVER, crop=Crop.ATTENTION)
    picture = loaded(source.getvalue(), options, OutputFormat.WEBP)
    assert (picture.frames, picture.height_px) == (3, 120)
    shown = [red(pixels_of(picture).astype(np.uint8)[top : top + 120]) for top in (0, 120, 240)]
    assert shown[0] > 2000
    assert shown[1:] == [0, 0]


def product(mode: str, ground: tuple[int, ...]) -> Image.Image:
    """A blue bar of 200 x 40 at the left of a plain ground of 400 x 120."""
    picture = Image.new(mode, (400, 120), ground)
    picture.paste((20, 40, 160, 255)[: len(ground)], (10, 50, 210, 90))
    return picture


@pytest.mark.parametrize(("mode", "ground"), [("RGB", (250, 245, 240)), ("RGBA", (0, 0, 0, 0))])
def test_an_object_on_plain_ground_is_kept_whole_with_more_ground_around_it(mode: str, ground: tuple[int, ...]) -> None:
    found = kept(encoded(product(mode, ground), "PNG"), 100, 100, Crop.OBJECT)
    blue = (found[:, :, 2] > 120) & (found[:, :, 0] < 80) & (found[:, :, -1] > 128 if mode == "RGBA" else True)
    rows, columns = np.nonzero(blue)
    assert np.ptp(columns) / np.ptp(rows) == pytest.approx(200 / 40, rel=0.15), "cropped or bent"
    assert columns.min() > 3
    assert columns.max() < 96
    assert np.abs(found[[0, -1]].reshape(-1, len(ground)).astype(int) - ground).max() <= 1


def test_a_small_object_is_not_enlarged() -> None:
    picture = Image.new("RGB", (400, 120), (255, 255, 255))
    picture.paste((20, 40, 160), (350, 20, 370, 40))
    found = kept(encoded(picture, "PNG"), 120, 120, Crop.OBJECT)
    assert int((found[:, :, 0] < 128).sum()) == pytest.approx(400, rel=0.1)


def test_where_the_ground_is_not_plain_an_object_is_what_draws_the_eye() -> None:
    source = encoded(street(400), "PNG")
    assert np.array_equal(kept(source, 120, 120, Crop.OBJECT), kept(source, 120, 120, Crop.ATTENTION))


def test_a_plain_picture_without_an_object_is_cropped() -> None:
    assert kept(encoded(Image.new("RGB", (400, 120), (9, 9, 9)), "PNG"), 50, 50, Crop.OBJECT).max() == 9


def test_the_memory_for_looking_is_set_aside() -> None:
    facts = probe(encoded(street(0), "PNG"), Limits())
    wide = {"width_px": 480, "height_px": 10, "fit": Fit.COVER}
    centre, attention = (
        resource_budget(facts, CompressionOptions(crop=crop, **wide)).memory_bytes  # type: ignore[arg-type] # keywords
        for crop in (Crop.CENTRE, Crop.ATTENTION)
    )
    assert attention - centre >= 480 * 120 * 3
