"""Crops round a worst place: what is tried on them is not encoded whole, and what is taken passes all the same."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support import trust

from leanpix.domain.report import Decision
from leanpix.domain.worst_place import Measure, WorstPlace
from leanpix.engine import CompressionOptions, OutputFormat
from leanpix.engine.budget import Budget
from leanpix.engine.codecs.jpeg.jpegli import jpegli_backend
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.compress import Decoded, begun, make, silent
from leanpix.engine.facts import Limits
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


def opened(pixels: Pixels, kind: OutputFormat, quality: int) -> tuple[EncodeContext, EncoderRuns]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    options, source = CompressionOptions(format=kind, quality=quality), file.getvalue()
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
    (meter,) = crops.meters
    crop = meter.raster.pixels
    tops, lefts = np.nonzero((pixels[::16, ::16] == crop[0, 0]).all(2))
    found = [
        (16 * top, 16 * left)
        for top, left in zip(tops, lefts, strict=True)
        if np.array_equal(pixels[16 * top : 16 * top + crop.shape[0], 16 * left : 16 * left + crop.shape[1]], crop)
    ]
    ((top, left),) = found
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
    assert (len(near.meters), len(far.meters)) == (1, 2)


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
