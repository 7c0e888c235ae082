"""The local criterion: what fires each measure and what does not, its order along ladders, its two kernels."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tests.support import trust

from leanpix.domain.worst_place import Measure, WorstPlace
from leanpix.engine.content.cells import NativeCells, NumpyCells
from leanpix.engine.content.native_chroma import NativeChroma
from leanpix.engine.content.samples import block_ranges
from leanpix.engine.judging.worst_place import BOUNDS, WorstPlaces
from leanpix.engine.libraries.native import NEWEST_CPU, PLAIN_CPU, load_native

Pixels = NDArray[np.uint8]
NO_KERNEL = pytest.mark.skipif(load_native() is None, reason="built without a C compiler")


def through(pixels: Pixels, kind: str = "JPEG", **settings: object) -> Pixels:
    """The pixels after an encoder."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **settings)
    return np.asarray(Image.open(file).convert("RGB")).copy()


def posterised(pixels: Pixels, step: int) -> Pixels:
    return (pixels // step * step + step // 2).astype(np.uint8)


def value(source: Pixels, result: Pixels, measure: Measure) -> float:
    """0 where the measure says nothing of this source."""
    return next((p.value for p in WorstPlaces(source).worst(result) if p.measure is measure), 0.0)


def worst(source: Pixels, result: Pixels) -> WorstPlace:
    return WorstPlaces(source).worst(result)[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("JPEG", {"quality": 75}),
        ("JPEG", {"quality": 85, "subsampling": 0}),
        ("JPEG", {"quality": 92}),
        ("WEBP", {"quality": 75}),
        ("WEBP", {"quality": 90}),
    ],
    ids=str,
)
def test_good_encodes_of_a_photograph_have_no_bad_place(seed: int, kind: str, settings: dict[str, object]) -> None:
    source = trust.texture(seed)
    assert worst(source, through(source, kind, **settings)).ratio <= 1


@pytest.mark.parametrize("seed", range(4))
def test_halved_chroma_of_thin_coloured_things_is_seen_and_whole_chroma_is_not(seed: int) -> None:
    for kind in (trust.caption, trust.badge, trust.chart):
        made = kind(seed)
        halved = through(made.pixels, quality=90, subsampling=2)
        found = worst(made.pixels, halved)
        assert found.measure is Measure.THIN_COLOUR
        assert found.ratio > 1
        rows, columns = np.nonzero(made.marked)
        assert rows.min() - 24 <= found.top_px <= rows.max()
        assert columns.min() - 24 <= found.left_px <= columns.max()
        whole = through(made.pixels, quality=90, subsampling=0)
        assert value(made.pixels, whole, Measure.THIN_COLOUR) <= BOUNDS[Measure.THIN_COLOUR]


@pytest.mark.parametrize("seed", range(4))
def test_rings_on_smooth_ground_are_seen_and_dither_is_not(seed: int) -> None:
    source = trust.smooth(seed).pixels
    rings = posterised(source, 6)
    assert worst(source, rings).ratio > 1
    rng = np.random.default_rng(seed)
    dithered = np.clip(source + rng.uniform(-3, 3, source.shape).round(), 0, 255).astype(np.uint8)
    assert value(source, dithered, Measure.CONTOURS) <= BOUNDS[Measure.CONTOURS]
    assert value(source, rings, Measure.CONTOURS) > value(source, dithered, Measure.CONTOURS)


def beside_a_photograph(ground: Pixels) -> Pixels:
    """Ground in the left half of a picture that has more to show."""
    photo = trust.texture(7)
    photo[:, : photo.shape[1] // 2] = ground[:, : photo.shape[1] // 2]
    return photo


@pytest.mark.parametrize("seed", range(3))
def test_a_few_places_that_moved_a_little_are_slight_and_rings_are_not(seed: int) -> None:
    ground = trust.smooth(seed).pixels
    source = beside_a_photograph(ground)

    def moved(picture: Pixels, rows: int) -> Pixels:
        shifted = picture.copy()
        shifted[96 : 96 + rows, 40:64] -= 3
        return shifted

    few = worst(source, moved(source, 8))
    assert few.ratio > 1
    assert few.is_slight
    assert not worst(source, moved(source, 200)).is_slight  # too many
    assert not worst(source, posterised(source, 12)).is_slight  # too far
    assert not worst(ground, moved(ground, 8)).is_slight  # there is nothing else to look at
    assert "is_slight" not in few.fields()


def test_the_same_rings_under_grain_are_not_seen() -> None:
    source = trust.texture(5)
    assert value(source, posterised(source, 6), Measure.CONTOURS) <= BOUNDS[Measure.CONTOURS]


def in_blocks(pixels: Pixels, off: float) -> Pixels:
    """Without grain, and every other block of 16 pixels that much off."""
    calm = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(6))).astype(float)
    rows, columns = (np.arange(side) // 16 for side in pixels.shape[:2])
    odd = (rows[:, None] + columns) % 2
    return np.asarray(np.clip(calm + off * odd[:, :, None], 0, 255).round(), np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_grain_that_is_gone_hides_no_blocks(seed: int) -> None:
    source = trust.grainy(seed).pixels
    blocks = in_blocks(source, 4)
    assert value(source, blocks, Measure.GROUND) > BOUNDS[Measure.GROUND]
    grain = np.random.default_rng(seed).normal(0, 0.8, (*source.shape[:2], 1))
    hidden = np.clip(blocks + grain, 0, 255).round().astype(np.uint8)
    assert value(source, hidden, Measure.GROUND) < value(source, blocks, Measure.GROUND)
    assert worst(source, in_blocks(source, 0)).ratio <= 1


def test_coarse_grain_hides_blocks_as_before() -> None:
    source = trust.texture(4)
    assert value(source, in_blocks(source, 4), Measure.GROUND) == 0


@pytest.mark.parametrize("seed", range(4))
def test_hairlines_that_are_gone_are_seen(seed: int) -> None:
    made = trust.hairlines(seed)
    page = made.pixels[0, 0]
    assert value(made.pixels, lines_faded(made, 1.0), Measure.LINES) > 0.9
    assert value(made.pixels, lines_faded(made, 0.3), Measure.LINES) <= BOUNDS[Measure.LINES]
    found = worst(made.pixels, lines_faded(made, 1.0))
    assert found.measure is Measure.LINES
    window = made.pixels[found.top_px :, found.left_px :][: found.height_px, : found.width_px]
    assert (window != page).any()


@pytest.mark.parametrize(("ground", "levels", "counts"), [(16, 4, True), (200, 3, False), (200, 8, True)])
def test_what_resizing_leaves_beside_an_edge_is_a_hairline_on_a_dark_page_only(
    ground: int, levels: int, counts: bool
) -> None:
    source = np.full((96, 96, 3), ground, np.uint8)
    shown = source.copy()
    source[:, 10::24] += np.uint8(levels)
    assert (value(source, shown, Measure.LINES) > BOUNDS[Measure.LINES]) is counts


def lines_faded(made: trust.TrustPicture, share: float) -> Pixels:
    """The marked pixels so much nearer to their page."""
    pixels, page = made.pixels.astype(float), made.pixels[0, 0].astype(float)
    pixels[made.marked] += share * (page - pixels[made.marked])
    return np.asarray(pixels.round(), np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_grain_dots_and_what_a_jpeg_left_round_letters_are_no_hairlines(seed: int) -> None:
    dots = np.full((160, 240, 3), 6, np.uint8)
    dots[np.random.default_rng(seed).random(dots.shape[:2]) < 0.02] = 26
    assert value(dots, np.full_like(dots, 6), Measure.LINES) == 0
    grain = trust.grainy(seed).pixels
    assert value(grain, in_blocks(grain, 0), Measure.LINES) == 0
    letters = through(trust.panels(2 * seed + 1).pixels, quality=70)
    assert value(letters, through(letters, quality=60), Measure.LINES) <= BOUNDS[Measure.LINES]


@pytest.mark.parametrize("seed", range(4))
def test_a_panel_that_is_gone_is_seen(seed: int) -> None:
    source = trust.panels(seed).pixels
    page = source[0, 0]
    gone = source.copy()
    gone[np.abs(source.astype(int) - page).max(2) <= 3] = page
    assert value(source, gone, Measure.FAINT) > BOUNDS[Measure.FAINT]
    assert worst(source, source).ratio == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_night_of_a_few_colours_is_seen(seed: int) -> None:
    source = trust.night(seed).pixels
    few = posterised(source, int(source.max()) // 2)
    assert value(source, few, Measure.LEVELS) > BOUNDS[Measure.LEVELS]
    assert worst(source, few).ratio > 1


def test_a_ruined_window_is_seen_wherever_it_lies() -> None:
    source = trust.texture(1)
    ruined = source.copy()
    ruined[200:240, 300:340] = 255 - source[200:240, 300:340]
    found = worst(source, ruined)
    assert found.measure is Measure.WINDOW
    assert found.ratio > 1
    assert abs(found.left_px - 304) <= 32
    assert abs(found.top_px - 204) <= 32


BLURS, STEPS, FADES = (0.5, 1.0, 1.5, 2.5), (2, 4, 6, 10, 16), (0.2, 0.5, 0.8, 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_more_damage_is_never_a_better_place(seed: int) -> None:
    """Ladders of damage whose order nobody doubts."""
    made = trust.caption(seed).pixels
    assert grows([value(made, chroma_blurred(made, radius), Measure.THIN_COLOUR) for radius in BLURS])

    ground = trust.smooth(seed).pixels
    assert grows([value(ground, posterised(ground, step), Measure.GROUND) for step in STEPS])

    source = trust.panels(seed).pixels
    page = source[0, 0].astype(float)
    is_panel = np.abs(source - page).max(2, keepdims=True) <= 3
    faded = [np.where(is_panel, page + (source - page) * (1 - fade), source) for fade in FADES]
    assert grows([value(source, one.round().astype(np.uint8), Measure.FAINT) for one in faded])

    lines = trust.hairlines(seed)
    assert grows([value(lines.pixels, lines_faded(lines, fade), Measure.LINES) for fade in FADES])

    photo = trust.texture(seed)
    assert grows([value(photo, through(photo, quality=quality), Measure.WINDOW) for quality in (95, 75, 50, 25, 10)])


def grows(values: list[float]) -> bool:
    return all(one <= other for one, other in itertools.pairwise(values)) and values[-1] > values[0]


def chroma_blurred(pixels: Pixels, radius: float) -> Pixels:
    luma, *chroma = Image.fromarray(pixels).convert("YCbCr").split()
    blurred = [plane.filter(ImageFilter.GaussianBlur(radius)) for plane in chroma]
    return np.asarray(Image.merge("YCbCr", [luma, *blurred]).convert("RGB")).copy()


def test_gray_has_no_colour_to_lose_and_all_else() -> None:
    source = trust.smooth(1).pixels[:, :, 0].copy()
    found = {place.measure for place in WorstPlaces(source).worst(posterised(source, 8))}
    assert Measure.THIN_COLOUR not in found
    assert worst(source, posterised(source, 8)).ratio > 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 70, 3), (70, 3, 1), (8, 8, 3), (33, 65, 3)])
def test_small_pictures_have_worst_places_within_them(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    source, other = (rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2))
    for place in WorstPlaces(source).worst(other):
        assert 0 <= place.left_px < shape[1]
        assert 0 <= place.top_px < shape[0]
        assert place.left_px + place.width_px <= shape[1]
        assert place.top_px + place.height_px <= shape[0]


def test_another_shape_is_refused() -> None:
    source = trust.texture(1)
    with pytest.raises(ValueError, match="no worst place"):
        WorstPlaces(source).worst(source[1:])
    with pytest.raises(ValueError, match="not uint8"):
        WorstPlaces(source.astype(np.float32))


@NO_KERNEL
@pytest.mark.parametrize("cpu", [PLAIN_CPU, NEWEST_CPU], ids=["plain", "newest"])
@pytest.mark.parametrize(
    "shape", [(40, 60, 3), (41, 63, 3), (5, 7, 3), (33, 64, 1), (257, 1, 3), (1, 1, 1), (300, 3, 3)]
)
def test_all_kernels_have_the_same_sums(shape: tuple[int, int, int], cpu: int) -> None:
    library = load_native()
    assert library is not None
    rng = np.random.default_rng(3)
    source, result = (rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2))
    native, numpy = NativeCells(library, cpu=cpu), NumpyCells()
    weights = native.source(source)[2]
    sums = zip(native.source(source), numpy.source(source), strict=True)
    errors = zip(native.result(source, result, weights), numpy.result(source, result, weights), strict=True)
    for one, other in itertools.chain(sums, errors):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(native.halved(source, weights), numpy.halved(source, weights))
    marked = rng.random(weights.shape) < 0.5
    lines = zip(native.lines(source, result, marked), numpy.lines(source, result, marked), strict=True)
    for one, other in lines:
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(native.levels(source, marked), numpy.levels(source, marked))
    values = rng.random((20, 30, 3), np.float32)
    np.testing.assert_allclose(native.means(values, 4, 7), numpy.means(values, 4, 7), atol=1e-5)


@NO_KERNEL
@pytest.mark.parametrize("shape", [(20, 30, 3), (21, 31, 1), (2, 2, 3), (3, 1, 3), (1, 5, 1), (1, 1, 3)])
def test_what_moved_is_seen_the_same_by_both(shape: tuple[int, int, int]) -> None:
    library = load_native()
    assert library is not None
    rng = np.random.default_rng(9)
    moved = (8 * rng.standard_normal(shape)).astype(np.float32)
    room, tint = (rng.uniform(low, 2, shape[:2]).astype(np.float32) for low in (1, 0))
    room[0, 0] = np.inf
    native, numpy = (kind.moved(moved, room, tint) for kind in (NativeCells(library), NumpyCells()))
    for one, other in zip(native, numpy, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert native[1][0, 0] == 0


@NO_KERNEL
@pytest.mark.parametrize("cpu", [PLAIN_CPU, NEWEST_CPU], ids=["plain", "newest"])
@pytest.mark.parametrize("shape", [(40, 60, 3), (41, 63, 4), (5, 601, 3), (2, 2, 4), (1, 9, 3), (9, 1, 4)])
def test_chroma_varies_as_much_by_the_kernel_as_without(shape: tuple[int, int, int], cpu: int) -> None:
    library = load_native()
    assert library is not None
    pixels = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
    native = NativeChroma(library, cpu=cpu)
    for seen in (pixels, pixels[:, : max(1, shape[1] // 2)]):  # and rows of which a part alone is looked at
        tops, lefts = ([at for at in range(0, side, 16) if side - at > 1] for side in seen.shape[:2])
        tiles = [block_ranges(seen[top : top + 16, left : left + 16]) for top in tops for left in lefts]
        ranges = np.sort(np.concatenate([np.zeros(0, np.uint16), *tiles])).tolist()
        for place in {0, len(ranges) // 2, len(ranges) - 1} & set(range(len(ranges))):
            assert native.spread_at(seen, 16, tops, lefts, place) == ranges[place]


def test_without_the_kernel_the_same_places() -> None:
    made = trust.caption(2).pixels
    result = through(made, quality=60)
    for one, other in zip(
        WorstPlaces(made).worst(result), WorstPlaces(made, kernels=NumpyCells()).worst(result), strict=True
    ):
        assert one.measure is other.measure
        assert one.value == pytest.approx(other.value, rel=1e-3)
