"""Crops round a worst place: what is tried on them is not encoded whole, and what is taken passes all the same."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support import trust

from leanpix.domain.report import Decision
from leanpix.domain.worst_place import Measure, WorstPlace
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.budget import Budget
from leanpix.engine.codecs.base import Encoded, Encoder, Raster
from leanpix.engine.codecs.jpeg.jpegli import jpegli_backend
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.compress import Decoded, begun, make, silent
from leanpix.engine.facts import Limits
from leanpix.engine.goals.climb import Climb
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.place_crops import PlaceCrops
from leanpix.engine.judging.worst_place import WorstPlaces
from leanpix.engine.reading.probe import probe

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 1200, 900


def gradient(width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Nothing but ground."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bands = [120 + 60 * y / height + 12 * np.sin(x / 300), 150 + 40 * y / height, 205 - 30 * x / width]
    return np.dstack(bands).round().astype(np.uint8)


def studio(thing_share: float, light: int = 246) -> Pixels:
    """A textured thing of so much of the picture on a studio's ground, with the soft shadow that it casts."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    away = np.hypot((x - WIDTH / 2) / 1.6, (y - 0.8 * HEIGHT) / 0.35)
    ground = light * (1 - 0.22 * np.exp(-((away / (0.22 * WIDTH)) ** 2)))
    pixels = np.dstack([ground, ground, ground - 2]).round().astype(np.uint8)
    is_thing = np.hypot(x - WIDTH / 2, y - 0.45 * HEIGHT) < np.sqrt(thing_share * WIDTH * HEIGHT / np.pi)
    pixels[is_thing] = trust.texture(1, WIDTH, HEIGHT)[is_thing]
    return pixels


def file_of(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def opened(pixels: Pixels, kind: OutputFormat, quality: int) -> tuple[EncodeContext, EncoderRuns]:
    options, source = CompressionOptions(format=kind, quality=quality), file_of(pixels)
    decoded = Decoded(source, probe(source, Limits()), options, Limits(), silent)
    return begun(decoded, options, Budget(clock=lambda: 0.0))


def shown(data: bytes) -> Pixels:
    return np.ascontiguousarray(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def place(left: int, top: int, side: int = 32, measure: Measure = Measure.GROUND) -> WorstPlace:
    return WorstPlace(measure, 4.0, 1.9, left, top, side, side)


@pytest.mark.parametrize("at", [(0, 0), (WIDTH - 32, 0), (0, HEIGHT - 32), (WIDTH - 32, HEIGHT - 32), (500, 333)])
def test_a_crop_has_the_place_and_what_is_around_it_where_codecs_blocks_begin(at: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    crops = PlaceCrops.round(opened(pixels, OutputFormat.WEBP, 80)[0], (place(*at),))
    assert crops is not None
    (found_crop,) = crops.crops
    crop = found_crop.meter.raster.pixels
    tops, lefts = np.nonzero((pixels[::16, ::16] == crop[0, 0]).all(2))
    found = [
        (16 * top, 16 * left)
        for top, left in zip(tops, lefts, strict=True)
        if np.array_equal(pixels[16 * top : 16 * top + crop.shape[0], 16 * left : 16 * left + crop.shape[1]], crop)
    ]
    ((top, left),) = found
    assert (found_crop.top_px, found_crop.left_px) == (int(top), int(left))
    for begin, side, of_crop, whole in zip((left, top), at, crop.shape[1::-1], (WIDTH, HEIGHT), strict=True):
        assert begin <= side
        assert side + 32 <= begin + of_crop
        assert begin == 0 or begin + of_crop == whole or min(side - begin, begin + of_crop - side - 32) >= 64


def test_near_places_share_a_crop_and_far_ones_have_their_own() -> None:
    context, _ = opened(gradient(), OutputFormat.WEBP, 80)
    near = PlaceCrops.round(context, (place(100, 300), place(110, 290, measure=Measure.CONTOURS)))
    far = PlaceCrops.round(context, (place(100, 300), place(900, 700, measure=Measure.CONTOURS)))
    assert near is not None
    assert far is not None
    assert (len(near.crops), len(far.crops)) == (1, 2)


def test_there_are_no_crops_where_they_say_nothing_or_save_nothing() -> None:
    context, _ = opened(gradient(), OutputFormat.WEBP, 80)
    assert PlaceCrops.round(context, ()) is None
    assert PlaceCrops.round(context, (place(0, 0, measure=Measure.LEVELS),)) is None
    assert PlaceCrops.round(opened(gradient(480, 320), OutputFormat.WEBP, 80)[0], (place(0, 0),)) is None
    assert PlaceCrops.of_ground(opened(trust.texture(1, WIDTH, HEIGHT), OutputFormat.JPG, 80)[0]) is None


def test_finer_settings_that_a_crop_refuses_are_not_encoded_whole() -> None:
    source = gradient()
    context, runs = opened(source, OutputFormat.WEBP, 75)
    done = make(context, silent, runs)
    assert done.is_met
    assert WorstPlaces(source).worst(shown(done.compression.data))[0].ratio <= 1
    assert len(runs.done) <= 4  # of seven on the way from 75 upwards
    assert done.compression.report.encodes > len(runs.done)


def bright_studio(depth: float) -> Pixels:
    """A textured thing on white, with a wide shadow of a few levels."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    away = np.hypot((x - WIDTH / 2) / 1.6, (y - 0.8 * HEIGHT) / 0.35)
    pixels = np.dstack([254 * (1 - depth * np.exp(-((away / (0.35 * WIDTH)) ** 2)))] * 3).round().astype(np.uint8)
    is_thing = np.hypot(x - WIDTH / 2, y - 0.4 * HEIGHT) < np.sqrt(0.25 * WIDTH * HEIGHT / np.pi)
    pixels[is_thing] = trust.texture(1, WIDTH, HEIGHT)[is_thing]
    return pixels


@pytest.mark.parametrize("depth", [0.05, 0.07])
def test_a_shadow_near_white_that_no_webp_keeps_to_a_level_is_not_kept_without_loss_for_that(depth: float) -> None:
    source = bright_studio(depth)
    context, runs = opened(source, OutputFormat.WEBP, 80)
    done = make(context, silent, runs)
    assert done.compression.report.result_bytes <= 1.45 * len(runs.at(80.0).data)
    for one in WorstPlaces(source).worst(shown(done.compression.data)):
        assert one.ratio <= {Measure.FAINT: 1.2, Measure.GROUND: 1.3, Measure.CONTOURS: 1.3}.get(one.measure, 1.0)


def test_of_a_thing_on_much_ground_a_place_hardly_over_its_bound_costs_a_fifth_more_bytes_at_most() -> None:
    """As it does of a photograph: not seven times as many, for two levels of blue in a corner."""
    source = studio(0.2)
    context, runs = opened(source, OutputFormat.WEBP, 80)
    plain = runs.at(80.0)
    done = make(context, silent, runs).compression
    worst = WorstPlaces(source).worst(shown(plain.data))[0]
    assert WorstPlaces(source).ground_share > 2 / 3
    assert 1 < worst.ratio < 1.3
    assert done.report.result_bytes <= 1.2 * len(plain.data)
    assert WorstPlaces(source).worst(shown(done.data))[0].ratio <= worst.ratio


def dark(seed: int) -> Pixels:
    """What is dark and plain: finer ground is what it takes, or a finer setting."""
    return np.round(6 + 0.14 * trust.texture(seed, 960, 640)).astype(np.uint8)


@pytest.mark.skipif(not jpegli_backend().startswith("native"), reason="finer ground takes the native library")
@pytest.mark.parametrize(("seed", "quality"), [(1, 75), (3, 75), (12, 75)])
def test_a_means_that_takes_more_is_weighed_against_a_finer_setting_without_it(seed: int, quality: int) -> None:
    source = dark(seed)
    context, runs = opened(source, OutputFormat.JPG, quality)
    done = make(context, silent, runs)
    ways = {one.name: one for one in done.compression.report.considered if one.result_bytes is not None}
    assert done.is_met
    assert WorstPlaces(source).worst(shown(done.compression.data))[0].ratio <= 1
    assert ways["jpg lossy, finer ground"].decision is Decision.MADE
    assert len(done.compression.data) < (ways["jpg lossy, finer ground"].result_bytes or 0)


@pytest.mark.skipif(not jpegli_backend().startswith("native"), reason="finer ground takes the native library")
@pytest.mark.parametrize(("seed", "quality"), [(3, 85), (7, 85), (8, 85), (10, 85), (12, 85)])
def test_a_means_is_taken_where_no_finer_setting_without_it_takes_fewer_bytes(seed: int, quality: int) -> None:
    """However near the two are: a step of the climb that takes too much does not hide what lies below it."""
    source = dark(seed)
    places = WorstPlaces(source)
    context, runs = opened(source, OutputFormat.JPG, quality)
    done = make(context, silent, runs)
    fell_short = min(runs.done)
    finest_first = [runs.at(runs.to_grid(fell_short + step)) for step in np.arange(0.8, 0.01, -0.02)]
    pass_from = list(itertools.takewhile(lambda one: places.worst(shown(one.data))[0].ratio <= 1, finest_first))[-1]
    assert done.is_met
    assert places.worst(shown(done.compression.data))[0].ratio <= 1
    assert len(done.compression.data) <= 1.01 * len(pass_from.data)


RATES = PriorCurve(((0, 0.0), (100, math.log(1.5) * 10)))
SCORES = PriorCurve(((0, 0.0), (100, 100.0)))
MARKED = 7
"""The blue of what a MovingEncoder moves."""


@dataclass(frozen=True)
class MovingEncoder:
    """Moves what is marked by so many levels at a setting; a setting of 10 more takes half as many bytes again."""

    raster: Raster
    levels: Callable[[float], int]
    rates: PriorCurve = RATES
    scores: PriorCurve = SCORES

    def on(self, raster: Raster) -> MovingEncoder:
        return replace(self, raster=raster)

    def to_grid(self, parameter: float) -> float:
        return round(parameter * 10) / 10

    def preview(self, parameter: float) -> None:
        del parameter

    def encode(self, parameter: float) -> Encoded:
        moved = self.raster.pixels[:, :, 2:] == MARKED
        file = file_of(self.raster.pixels + (moved * self.levels(parameter)).astype(np.uint8))
        return Encoded(file.ljust(round(20_000 * 1.5 ** (parameter / 10)), b"\0"), "moving", quality=parameter)

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"a climb asks for {name}")


def climbed(
    levels: Callable[[float], int], width: int, most_bytes: float = math.inf
) -> tuple[float | None, EncoderRuns]:
    """From setting 0, with a marked patch on ground beside texture; small pictures have no crops."""
    pixels = np.full((width, width, 3), (120, 90, 60), np.uint8)
    pixels[width // 2 :, ::2] = 180
    pixels[40:104, 40:104, 2] = MARKED
    context, _ = opened(pixels, OutputFormat.WEBP, 80)
    runs = EncoderRuns(cast("Encoder", MovingEncoder(context.raster, levels)), context.budget)
    return Climb(context, runs, most_bytes=most_bytes).above(0.0, context.meter.worst(runs.at(0.0))), runs


@pytest.mark.parametrize("width", [400, 700])
@pytest.mark.parametrize("passes_from", [3.0, 8.2, 33.0, 61.5, 97.0])
def test_a_climb_ends_near_the_cheapest_setting_that_passes(width: int, passes_from: float) -> None:
    found, runs = climbed(lambda setting: 1 if setting >= passes_from else 9, width)
    assert found is not None
    assert found >= passes_from
    assert len(runs.at(found).data) <= 1.55 * len(runs.at(passes_from).data)


@pytest.mark.parametrize("width", [400, 700])
@pytest.mark.parametrize("passes_from", [10.0, 15.5])
def test_a_climb_finds_what_is_worth_its_bytes_below_a_step_that_is_not(width: int, passes_from: float) -> None:
    most_bytes = 20_000 * 1.5 ** (passes_from / 10 + 0.1)
    found, runs = climbed(lambda setting: 1 if setting >= passes_from else 9, width, most_bytes)
    assert found is not None
    assert found >= passes_from
    assert len(runs.at(found).data) <= most_bytes


def test_a_climb_ends_without_a_setting_where_what_passes_takes_more_than_it_is_worth() -> None:
    found, _ = climbed(lambda setting: 1 if setting >= 10 else 9, 700, 20_000 * 1.5**0.9)
    assert found is None


@pytest.mark.parametrize("passes_from", [30.0, 200.0])
def test_one_encode_tells_where_no_setting_passes_that_is_worth_its_bytes(passes_from: float) -> None:
    """On a picture too small for crops, whose steps would all be whole encodes."""
    found, runs = climbed(lambda setting: 1 if setting >= passes_from else 9, 400, 20_000 * 1.5**0.9)
    assert found is None
    assert len(runs.done) == 2


def test_a_climb_ends_where_places_are_slight_if_what_passes_takes_much_more() -> None:
    found, _ = climbed(lambda setting: 9 if setting < 10 else 3 if setting < 80 else 1, 700)
    assert found is not None
    assert 10 <= found <= 20


def test_a_climb_goes_on_from_slight_places_to_what_takes_little_more() -> None:
    found, _ = climbed(lambda setting: 9 if setting < 5 else 3 if setting < 8 else 1, 700)
    assert found is not None
    assert 8 <= found <= 9


def test_there_is_no_climb_where_the_finest_setting_fails() -> None:
    found, runs = climbed(lambda _: 9, 700)
    assert found is None
    assert list(runs.done) == [0.0]


@pytest.mark.skipif(not jpegli_backend().startswith("native"), reason="finer ground takes the native library")
def test_of_nothing_but_ground_the_means_is_found_before_anything_is_encoded_whole() -> None:
    source = gradient(1600, 1200)
    context, runs = opened(source, OutputFormat.JPG, 75)
    done = make(context, silent, runs)
    assert done.is_met
    assert not runs.done
    assert WorstPlaces(source).worst(shown(done.compression.data))[0].ratio <= 1
    first = done.compression.report.considered[0]
    assert (first.name, first.decision, first.result_bytes) == ("jpg lossy", Decision.FELL_SHORT, None)


def test_what_is_foretold_to_need_a_means_is_made_before_the_source_is_packed_in_vain() -> None:
    if not jpegli_backend().startswith("native"):
        pytest.skip("means against bad places need the native library")
    source = io.BytesIO()
    Image.fromarray(gradient()).save(source, "JPEG", quality=95)
    told = compress(source.getvalue(), CompressionOptions(format=OutputFormat.JPG, quality=80)).report.considered
    decisions = {one.name: one.decision for one in told}
    assert decisions["jpg lossy, finer ground"] is Decision.TAKEN
    assert decisions["jpg repacked source"] is Decision.CANNOT_WIN


def slope_jpeg(seed: int, width: int, height: int, **saved: int) -> bytes:
    """A smooth slope without any grain, as a JPEG."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)

    bands = []
    for _ in range(3):
        across, down = rng.uniform(-50, 50, 2)
        waves = rng.uniform(4, 14) * np.sin(x / rng.uniform(150, 500) + y / rng.uniform(200, 700))
        bands.append(rng.uniform(80, 180) + across * x / width + down * y / height + waves)
    file = io.BytesIO()
    pixels = np.clip(np.dstack(bands), 0, 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", **saved)
    return file.getvalue()


@pytest.mark.parametrize("seed", [1, 4])
def test_what_cannot_end_below_the_packed_source_is_not_climbed_to(seed: int) -> None:
    report = compress(slope_jpeg(seed, 1600, 1200, quality=92), CompressionOptions(quality=80)).report
    taken = next(one for one in report.considered if one.decision is Decision.TAKEN)
    assert taken.name == "jpg repacked source"
    assert report.encodes <= 10


def test_what_ends_below_the_packed_source_is_climbed_to() -> None:
    source = slope_jpeg(2, 2400, 1600, quality=95, optimize=True)
    report = compress(source, CompressionOptions(quality=80)).report
    assert report.result_bytes <= 0.9 * len(source)
    assert report.worst is not None
    assert report.worst.ratio <= 1
