"""Every picture of the corpus: decoded as its manifest says, with the colours that another reader gives it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import rawpy
from numpy.typing import NDArray
from PIL import Image, ImageCms
from tests.support.corpus import corpus_file, expected_by_name
from tests.support.decoding import loaded, pixels_of, rgba_of
from tests.support.reference import in_srgb, reference

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.engine.reading.picture import Picture

MEAN, P99 = 0.5, 2.0
"""How far colours may be from the reference's, in 8-bit steps: the mean, and all but one in a hundred."""

STEP_ROWS = 1200
"""Of taller pictures every second, third ... row and column is compared."""

OTHER_DELTAS = {
    "c_P_hopper.Lab.tif": (1.0, 6.0),  # libvips goes by floating point, Pillow by 8-bit Lab
    "d_M_rgb16-565.bmp": (0.6, P99),  # Pillow cuts 5 and 6 bits off at whole levels, where they are rounded here
}
NO_OTHER_READER = {
    "c_W_floatingpoint-16bit.tif",  # Pillow reads no half floats
    "c_S_tbgn2c16.png",  # Pillow drops the transparent colour of 16-bit RGB; asserted below
    "d_S_animated-loop-3.gif",  # animations: frame by frame in test_decode_animation
}
CAMERA_RAW = {".dng", ".kdc", ".nef"}
"""No reader but LibRaw's; what they look like is asserted in test_read_raw."""
READ_SINCE = {"d_H_image.avif", "d_H_image.heic"}
"""Not read when the corpus was made: tests/engine/test_boxed_sources.py and test_heic.py say what is seen."""
LANDSCAPES = [f"d_S_Landscape_{orientation}.jpg" for orientation in range(2, 9)]


def _named(*beginnings: str) -> list[str]:
    return [name for name, expected in expected_by_name().items() if expected.startswith(beginnings)] or ["(no corpus)"]


def _must_decode() -> list[str]:
    sure = [name for name in _named("ok", "first") if "clean error" not in expected_by_name().get(name, "")]
    return sure or ["(no corpus)"]


def _managed(picture: Picture) -> NDArray[np.int16]:
    """The picture as a colour-managed viewer shows it: a kept profile counts."""
    pixels = rgba_of(picture)
    if picture.icc_profile is not None:
        colour = Image.fromarray(pixels[..., :3].astype(np.uint8))
        pixels[..., :3] = in_srgb(colour, {"icc_profile": picture.icc_profile})
    return pixels


def _read_by_another() -> list[str]:
    return [n for n in _must_decode() if n not in NO_OTHER_READER and Path(n).suffix.lower() not in CAMERA_RAW]


@pytest.mark.parametrize("name", _read_by_another())
def test_picture_has_the_colours_and_the_alpha_that_another_reader_gives_it(name: str) -> None:
    source = corpus_file(name).read_bytes()
    picture = loaded(source)
    ours, theirs = _managed(picture)[: picture.height_px], reference(source)  # of an animation its first frame
    assert ours.shape == theirs.shape
    step = 1 + ours.shape[0] // STEP_ROWS
    ours, theirs = ours[::step, ::step], theirs[::step, ::step]
    assert np.abs(ours[..., 3] - theirs[..., 3]).max() <= 1
    seen = theirs[..., 3] > 0
    deltas = np.abs(ours[..., :3] - theirs[..., :3])[seen]
    mean, p99 = OTHER_DELTAS.get(name, (MEAN, P99))
    assert deltas.mean() <= mean
    assert np.percentile(deltas, 99) <= p99


@pytest.mark.parametrize("name", [n for n in _named("ok or", "first frame or") if n not in _must_decode()])
def test_difficult_picture_decodes_or_is_refused_as_damaged(name: str) -> None:
    source = corpus_file(name).read_bytes()
    try:
        picture = loaded(source)
    except TaskFailure as failure:
        assert failure.state in {TaskState.INVALID_IMAGE, TaskState.NOT_MEETING_REQUIREMENTS}  # noqa: PT017 - both ends are right
    else:
        assert pixels_of(picture).size > 0


@pytest.mark.parametrize("name", [n for n in _named("clean error", "rejected as not") if n not in READ_SINCE])
def test_damaged_and_unaccepted_files_are_invalid(name: str) -> None:
    with pytest.raises(TaskFailure) as raised:
        loaded(corpus_file(name).read_bytes())
    assert raised.value.state == TaskState.INVALID_IMAGE


@pytest.mark.parametrize("name", _named("rejected: pixels"))
def test_oversized_pictures_do_not_meet_the_requirements(name: str) -> None:
    with pytest.raises(TaskFailure) as raised:
        loaded(corpus_file(name).read_bytes())
    assert raised.value.state == TaskState.NOT_MEETING_REQUIREMENTS


@pytest.mark.parametrize("name", LANDSCAPES)
def test_eight_orientations_are_one_picture(name: str) -> None:
    small = CompressionOptions(width_px=60, height_px=45)
    first = pixels_of(loaded(corpus_file("d_S_Landscape_1.jpg").read_bytes(), small))
    other = pixels_of(loaded(corpus_file(name).read_bytes(), small))
    # The fixtures were made one by one, from two conversions of the photo; turned the wrong way it is over 40.
    assert np.abs(first - other).mean() < 6


@pytest.mark.parametrize("space", ["p3", "adobergb", "prophoto"])
@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_photo_stored_in_a_wide_space_looks_like_the_photo(space: str, ending: str) -> None:
    photo = reference(corpus_file("a_Z_kodim23.png").read_bytes())
    picture = loaded(corpus_file(f"c_gen_photo_{space}.{ending}").read_bytes())
    assert picture.icc_profile is None
    assert np.abs(rgba_of(picture) - photo).mean() < 2.5


@pytest.mark.parametrize("name", ["c_gen_cmyk_lzw.tif", "c_gen_cmyk_adobe.jpg"])
def test_cmyk_without_a_profile_is_not_inverted(name: str) -> None:
    picture = rgba_of(loaded(corpus_file(name).read_bytes()))
    same_subject = reference(corpus_file(name).read_bytes())
    assert np.abs(picture - same_subject).mean() < 0.5
    assert np.abs(255 - picture[..., :3] - same_subject[..., :3]).mean() > 40


def test_colours_that_a_profile_exchanges_are_put_back() -> None:
    source = corpus_file("c_L_rgb-to-gbr-test.png").read_bytes()
    with Image.open(io.BytesIO(source)) as opened:
        unconverted = np.asarray(opened.convert("RGB"), np.int16)
    assert np.abs(rgba_of(loaded(source))[..., :3] - unconverted).mean() > 20


def test_transparent_colour_of_16_bit_rgb_is_transparent() -> None:
    pixels = rgba_of(loaded(corpus_file("c_S_tbgn2c16.png").read_bytes()))
    assert set(np.unique(pixels[..., 3])) == {0, 255}


@pytest.mark.parametrize("name", ["b_gen_product_white_1600.jpg", "b_gen_product_white_2400.jpg"])
@pytest.mark.parametrize("width", [None, 1000, 333])
def test_white_background_stays_white(name: str, width: int | None) -> None:
    source = corpus_file(name).read_bytes()
    pixels = pixels_of(loaded(source, CompressionOptions(width_px=width), OutputFormat.JPG))
    above_the_product = pixels[: pixels.shape[0] // 8]
    assert above_the_product.min() == 255


def test_transparent_background_is_flattened_on_white() -> None:
    pixels = pixels_of(loaded(corpus_file("b_gen_product_alpha_1600.png").read_bytes(), target=OutputFormat.JPG))
    assert pixels.shape[2] == 3
    assert pixels[:3].min() == 255


@pytest.mark.parametrize(
    "name", ["d_R_RAW_KODAK_DC50_é.KDC", "d_gen_raw_uncompressed.dng", "d_gen_raw_ljpeg_rotated.dng"]
)
def test_camera_raw_is_developed_upright_and_not_its_thumbnail(name: str) -> None:
    source = corpus_file(name).read_bytes()
    with rawpy.imread(io.BytesIO(source)) as opened:
        other = opened.postprocess(use_camera_wb=True, demosaic_algorithm=rawpy.DemosaicAlgorithm.LINEAR)
    picture = loaded(source)
    assert (picture.probe.width_px, picture.probe.height_px) == (other.shape[1], other.shape[0])
    # Another interpolation of the same mosaic: edges differ, patches do not.
    assert np.abs(_patches(pixels_of(picture)) - _patches(other)).mean() < 2


def _patches(pixels: NDArray[np.int16] | NDArray[np.uint8]) -> NDArray[np.float64]:
    """The means of 8 x 8 pixels."""
    height, width = (side // 8 * 8 for side in pixels.shape[:2])
    means: NDArray[np.float64] = pixels[:height, :width].reshape(height // 8, 8, width // 8, 8, 3).mean(axis=(1, 3))
    return means


def test_gamut_that_srgb_would_clip_keeps_its_profile() -> None:
    picture = loaded(corpus_file("c_L_P3-sRGB-color-bars.png").read_bytes())
    assert picture.icc_profile is not None
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(picture.icc_profile))).strip()


def test_ignored_profile_is_told() -> None:
    picture = loaded(corpus_file("e_W_corrupted-icc-srgb.jpg").read_bytes())
    assert any("profile ignored" in warning for warning in picture.warnings)
