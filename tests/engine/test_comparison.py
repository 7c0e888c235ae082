"""A picture beside its reference: the score over transparency, the worst places, the map, and files of all kinds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import compute_ssimulacra2
from tests.support.pictures import encoded, gradient

from leanpix.domain.errors import TaskFailure
from leanpix.domain.pair import pair_of, split_pair
from leanpix.domain.states import TaskState
from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.comparing import compared, opened_pair
from leanpix.engine.content.cells import CELL_PX
from leanpix.engine.judging.comparison import Comparison, compare, heat_map, score
from leanpix.engine.judging.ssimulacra2 import Ssimulacra2

Pixels = NDArray[np.uint8]


def scene(height: int, width: int, bands: int = 3) -> Pixels:
    """Gradients and texture; an alpha that falls from the left to the right."""
    rng = np.random.default_rng(height * 1000 + width)
    y, x = np.mgrid[0:height, 0:width]
    planes = [255 * x / width, 255 * y / height, 127 + 90 * np.sin(x / 5) * np.cos(y / 7)]
    colour = np.stack(planes, axis=2) + rng.normal(0, 6, (height, width, 3))
    alpha = 255 - 200 * x[:, :, None] / width
    whole = {1: [colour[:, :, :1]], 2: [colour[:, :, :1], alpha], 3: [colour], 4: [colour, alpha]}[bands]
    found: Pixels = np.clip(np.concatenate(whole, axis=2), 0, 255).astype(np.uint8)
    return found


def noisy(pixels: Pixels, by: float = 8) -> Pixels:
    changed = pixels.astype(float)
    colours = slice(None, -1) if pixels.shape[2] in {2, 4} else slice(None)
    changed[:, :, colours] += np.random.default_rng(1).normal(0, by, changed[:, :, colours].shape)
    found: Pixels = np.clip(changed, 0, 255).astype(np.uint8)
    return found


def over(pixels: Pixels, ground: int) -> Pixels:
    """The picture over a gray, in floating point and by its bytes, as the reference program lays it."""
    alpha = pixels[:, :, -1:] / 255
    laid = pixels[:, :, :-1] * alpha + ground * (1 - alpha)
    return np.asarray(np.round(laid), np.uint8)


def in_file(pixels: Pixels, form: str = "PNG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, form, **settings)
    return buffer.getvalue()


def of_files(reference: bytes, picture: bytes) -> tuple[float, WorstPlace | None, Pixels]:
    made = compared(opened_pair(pair_of(reference, picture)))
    assert made.report.score is not None
    return made.report.score, made.report.worst, np.asarray(Image.open(io.BytesIO(made.data)))


@pytest.mark.parametrize("size", [(64, 64), (67, 130), (300, 260)])
@pytest.mark.parametrize("by", [4, 20])
def test_transparency_is_scored_as_the_reference_program_does(size: tuple[int, int], by: float, tmp_path: Path) -> None:
    reference = scene(*size, 4)
    changed = noisy(reference, by)
    scores = []
    for ground in (26, 229):  # 0.1 and 0.9 of white; the oracle itself reads no alpha, whatever it says of it
        paths = [tmp_path / f"{name}{ground}.png" for name in "ab"]
        for path, pixels in zip(paths, (reference, changed), strict=True):
            Image.fromarray(over(pixels, ground)).save(path)
        scores.append(float(compute_ssimulacra2(*paths)))
    assert score(reference, changed) == pytest.approx(min(scores), abs=0.05)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_a_picture_beside_itself_has_100_and_no_bad_place(bands: int) -> None:
    picture = scene(70, 90, bands)
    found = compare(picture, picture.copy())
    assert found.score == score(picture, picture) == 100
    assert all(place.value == 0 for place in found.worst)
    assert not found.heat.any()


def test_gray_and_an_alpha_that_hides_nothing_are_compared_with_colour() -> None:
    gray = scene(64, 80, 1)
    colour = np.repeat(gray, 3, axis=2)
    opaque = np.concatenate([colour, np.full((64, 80, 1), 255, np.uint8)], axis=2)
    assert score(gray, colour) == score(colour, opaque) == score(gray[:, :, 0], gray) == 100
    changed = noisy(colour)
    assert score(gray, changed) == Ssimulacra2(colour).score(changed) == score(opaque, changed)


def test_what_only_one_ground_shows_counts() -> None:
    reference = np.zeros((64, 64, 4), np.uint8)
    reference[:, :, 3] = 128
    lighter = reference.copy()
    lighter[16:48, 16:48, :3] = 60
    assert score(reference, lighter) < 100
    assert compare(reference, lighter).score == score(reference, lighter)


def test_the_heat_is_highest_at_the_worst_place_and_nothing_elsewhere() -> None:
    reference = scene(160, 240)
    changed = reference.copy()
    changed[64:96, 128:160] ^= 0x3F
    found = compare(reference, changed)
    worst = found.worst[0]
    rows, columns = np.nonzero(found.heat == found.heat.max())
    assert found.heat.max() == pytest.approx(worst.ratio, rel=1e-3)
    assert worst.top_px // CELL_PX in rows
    assert worst.left_px // CELL_PX in columns
    assert not found.heat[:4, :20].any()
    assert found.heat.shape == (40, 60)


def test_the_map_is_gray_where_nothing_is_lost_and_red_at_the_worst() -> None:
    reference = scene(160, 240)
    changed = reference.copy()
    changed[64:96, 128:160] = 255 - changed[64:96, 128:160]
    drawn = heat_map(reference, compare(reference, changed).heat)
    assert drawn.shape == reference.shape
    apart = drawn.max(axis=2).astype(int) - drawn.min(axis=2)
    assert not apart[:20, :60].any()
    red, green, blue = drawn[80, 144].tolist()
    assert red > 180
    assert max(green, blue) < 80


@pytest.mark.parametrize(("size", "factor"), [((900, 1600), 1), ((1600, 2000), 2), ((2800, 3000), 4)])
def test_maps_of_large_pictures_are_smaller(size: tuple[int, int], factor: int) -> None:
    flat = np.full((*size, 3), 90, np.uint8)
    drawn = heat_map(flat, np.zeros((size[0] // 4, size[1] // 4), np.float32))
    assert drawn.shape == (size[0] // factor, size[1] // factor, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (5, 7), (33, 31)])
@pytest.mark.parametrize("bands", [1, 4])
def test_small_and_odd_sides_have_a_map(size: tuple[int, int], bands: int) -> None:
    reference = scene(*size, bands)
    found = compare(reference, noisy(reference, 30))
    assert isinstance(found, Comparison)
    assert heat_map(reference, found.heat).shape == (*size, 3)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (np.zeros((9, 8, 3), np.uint8), "the reference is 9 x 8 and the picture 8 x 9"),
        (np.zeros((8, 9, 5), np.uint8), "not uint8"),
        (np.zeros((8, 9, 3), np.float32), "not uint8"),
        (np.zeros((0, 9, 3), np.uint8), "not uint8"),
        (np.zeros(9, np.uint8), "not uint8"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(other: Pixels, said: str) -> None:
    reference = np.zeros((8, 9, 3), np.uint8)
    for function in (score, compare):
        with pytest.raises(ValueError, match=said):
            function(reference, other)


def test_files_of_two_formats() -> None:
    reference = scene(120, 160)
    found, worst, drawn = of_files(in_file(reference), in_file(reference, "JPEG", quality=60))
    jpeg = np.asarray(Image.open(io.BytesIO(in_file(reference, "JPEG", quality=60))))
    assert found == pytest.approx(score(reference, jpeg), abs=0.3)  # of two decoders
    assert worst is not None
    assert drawn.shape == (120, 160, 3)


def test_files_are_turned_upright_first() -> None:
    reference = scene(60, 90)
    turned = Image.fromarray(np.rot90(reference))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    turned.save(buffer, "PNG", exif=exif)
    assert of_files(in_file(reference), buffer.getvalue())[0] == 100


def test_the_first_frame_of_an_animation_is_compared_and_that_is_told() -> None:
    frames = [Image.fromarray(scene(40, 50)), Image.fromarray(255 - scene(40, 50))]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    made = compared(opened_pair(pair_of(in_file(scene(40, 50)), buffer.getvalue())))
    assert made.report.score == 100
    assert [text.split(":")[0] for text in made.report.warnings] == ["image"]


@pytest.mark.parametrize(
    ("first", "second", "state", "said"),
    [
        (encoded(gradient(30, 20)), encoded(gradient(20, 30)), TaskState.NOT_MEETING_REQUIREMENTS, "30 x 20 and the"),
        (encoded(gradient(30, 20)), b"no picture", TaskState.INVALID_IMAGE, "image: Invalid image"),
        (b"", encoded(gradient(30, 20)), TaskState.INVALID_IMAGE, "reference: Invalid image"),
        (encoded(gradient(30, 20)), encoded(gradient(30, 20))[:-200], TaskState.INVALID_IMAGE, "image: Invalid"),
    ],
)
def test_what_is_no_pair_of_pictures_fails_in_words(first: bytes, second: bytes, state: TaskState, said: str) -> None:
    with pytest.raises(TaskFailure, match=said) as caught:
        compared(opened_pair(pair_of(first, second)))
    assert caught.value.state is state


@pytest.mark.parametrize("source", [b"", b"lpx pair", pair_of(b"abc", b"")[:-1], encoded(gradient(30, 20))])
def test_what_holds_no_two_files_is_no_pair(source: bytes) -> None:
    assert split_pair(source) is None
    with pytest.raises(TaskFailure, match="two pictures"):
        opened_pair(source)
