"""The kernels' JPEG encoder: what others read of it, what it refuses, and what it saves."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import mozjpeg_lossless_optimization as mozjpeg
import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from tests.engine.pictures import drawing, encoded, photo

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress, score
from leanpix.engine.budget import Budget, Effort
from leanpix.engine.codecs.base import Goal, Raster
from leanpix.engine.codecs.jpeg import jpegli
from leanpix.engine.codecs.jpeg.codec import JpegCodec
from leanpix.engine.codecs.jpeg.jpegli import Means, Subsampling, distance_from_quality, encode_jpegli, jpegli_backend
from leanpix.engine.codecs.jpeg.lossless import native_packing
from leanpix.engine.codecs.jpeg.own_encoder import OwnEncoder, own_encoder
from leanpix.engine.codecs.jpeg.own_tables import with_own_tables
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.libraries.native import NEWEST_CPU, PLAIN_CPU, load_native
from leanpix.engine.reading.headers.jpeg import segments
from leanpix.engine.reading.headers.quantisers import jpeg_quantisers

Pixels = NDArray[np.uint8]
SIZES = [(1, 1), (1, 200), (200, 1), (7, 9), (8, 8), (9, 8), (15, 17), (16, 16), (17, 33), (31, 250)]


@pytest.fixture
def encoder() -> OwnEncoder:
    found = own_encoder()
    if found is None:
        pytest.skip("the native library was not built here")
    return found


def by_pillow(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data), formats=("JPEG",)))


def by_libvips(data: bytes) -> Pixels:
    image = pyvips.Image.new_from_buffer(data, "", fail_on="warning")
    bands = (image.bands,) if image.bands > 1 else ()
    return np.asarray(image.numpy()).reshape(image.height, image.width, *bands)


def by_mozjpeg(data: bytes) -> Pixels:
    return by_pillow(mozjpeg.optimize(data))


def landscape(width: int = 480, height: int = 320, seed: int = 3) -> Pixels:
    """Like a photograph: detail at every scale under lines of shadow, and colours that change slowly."""
    rng, shape = np.random.default_rng(seed), (height, width)
    across, down = np.meshgrid(np.fft.fftfreq(width), np.fft.fftfreq(height))
    falling = 1 / np.maximum(np.hypot(across, down), 1 / width) ** 1.2
    bands = [np.fft.ifft2(np.fft.fft2(rng.normal(0, 1, shape)) * falling).real for _ in range(3)]
    light, *colours = [band / band.std() for band in bands]
    y, x = np.mgrid[0:height, 0:width]
    light = light + 1.5 * ((x + 2 * y) % 170 > 90)
    planes = [120 + 34 * light + 12 * colours[0], 118 + 32 * light, 105 + 30 * light - 10 * colours[1]]
    return np.ascontiguousarray(np.clip(np.stack(planes, axis=2), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("shape", [*((*size, 3) for size in SIZES), (1, 1), (13, 22), (40, 57, 1)])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_every_size_is_read_alike_by_all(encoder: OwnEncoder, shape: tuple[int, ...], subsampling: Subsampling) -> None:
    source = np.ascontiguousarray(photo(shape[1], shape[0])[:, :, : shape[2] if len(shape) > 2 else 1])
    source = source.reshape(shape)
    data = encoder.encode(source, distance=0.5, subsampling=subsampling)
    pixels = by_pillow(data)
    assert pixels.shape == (shape if shape[2:] == (3,) else shape[:2])
    for reader in (by_libvips, by_mozjpeg):
        assert np.array_equal(reader(data), pixels)
    limit = 4 if subsampling == "4:4:4" or pixels.ndim == 2 else 12
    assert np.abs(pixels.astype(int) - source.reshape(pixels.shape)).mean() < limit


@pytest.mark.parametrize("shape", [*((*size, 3) for size in SIZES), (1, 1), (13, 22), (40, 57, 1)])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_thumbnails_of_every_size_are_read_alike_by_all(
    encoder: OwnEncoder, shape: tuple[int, ...], subsampling: Subsampling
) -> None:
    source = np.ascontiguousarray(photo(shape[1], shape[0])[:, :, : shape[2] if len(shape) > 2 else 1]).reshape(shape)
    data = encoder.encode_thumbnail(source, quality=90, subsampling=subsampling)
    pixels = by_pillow(data)
    assert pixels.shape == (shape if shape[2:] == (3,) else shape[:2])
    for reader in (by_libvips, by_mozjpeg):
        assert np.array_equal(reader(data), pixels)
    assert jpeg_quantisers(data, None).is_own
    assert with_own_tables(data) == data
    limit = 4 if subsampling == "4:4:4" or pixels.ndim == 2 else 12
    assert np.abs(pixels.astype(int) - source.reshape(pixels.shape)).mean() < limit


def extremes(width: int, height: int) -> Pixels:
    """Noise of black and white of all colours, whose waves leave what samples hold."""
    return (np.random.default_rng(width).integers(0, 2, (height, width, 3)) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    "shape", [*((*size, 3) for size in SIZES), (2, 3, 3), (4, 5, 3), (5, 4, 3), (1, 1), (40, 57, 1)]
)
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("of", [photo, extremes])
@pytest.mark.parametrize("cpu", [PLAIN_CPU, NEWEST_CPU])
def test_what_an_encode_shows_is_to_the_bit_what_decoders_do(
    encoder: OwnEncoder, shape: tuple[int, ...], subsampling: Subsampling, of: Callable[[int, int], Pixels], cpu: int
) -> None:
    source = np.ascontiguousarray(of(shape[1], shape[0])[:, :, : shape[2] if len(shape) > 2 else 1]).reshape(shape)
    library = load_native()
    assert library is not None
    encoder, shown = OwnEncoder(library, cpu=cpu), np.empty_like(source)
    for distance in (0.05, 2, 20):
        data = encoder.encode(source, distance=distance, subsampling=subsampling, shown=shown)
        assert np.array_equal(by_pillow(data), shown.reshape(by_pillow(data).shape))
        assert data == encoder.encode(source, distance=distance, subsampling=subsampling)
    for quality in (1, 80):
        data = encoder.encode_thumbnail(source, quality=quality, subsampling=subsampling, shown=shown)
        assert np.array_equal(by_pillow(data), shown.reshape(by_pillow(data).shape))


@pytest.mark.parametrize(
    "shown", [np.empty((4, 4, 3), np.uint8), np.empty((9, 7, 3)), np.empty((9, 14, 3), np.uint8)[:, ::2]]
)
def test_room_that_what_is_shown_does_not_fit_is_refused(encoder: OwnEncoder, shown: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="what is shown goes into uint8"):
        encoder.encode(photo(7, 9), distance=1, subsampling="4:2:0", shown=shown)


@pytest.mark.parametrize("size", [(480, 320), (160, 120)])
def test_who_is_going_to_look_gets_the_pixels_with_the_file_and_nobody_else(
    encoder: OwnEncoder, size: tuple[int, int]
) -> None:
    del encoder
    raster = Raster(landscape(*size))
    unseen = JpegCodec().open(raster, Effort.FULL, Goal(quality=75))
    seen = JpegCodec().open(raster, Effort.FULL, Goal(quality=75, is_looked_at=lambda: True))
    setting = seen.to_grid(seen.param_for(75))
    first, second = unseen.encode(setting), seen.encode(setting)
    assert first.shown is None
    assert second.shown is not None
    assert first.data == second.data
    assert np.array_equal(second.shown, by_pillow(second.data))


def test_of_many_encodes_the_pixels_of_one_are_held(encoder: OwnEncoder) -> None:
    del encoder
    seen = JpegCodec().open(Raster(landscape()), Effort.FULL, Goal(score=75, is_looked_at=lambda: True))
    runs = EncoderRuns(seen, Budget())
    settings = [seen.to_grid(seen.param_for(quality)) for quality in (60, 75, 90)]
    assert [runs.at(setting).shown is not None for setting in settings] == [True] * 3
    assert [runs.done[setting].shown is not None for setting in settings] == [False, False, True]


def test_a_thumbnail_is_smaller_at_each_lower_quality_and_keeps_its_profile(encoder: OwnEncoder) -> None:
    source = landscape(160, 120)
    sizes = [len(encoder.encode_thumbnail(source, quality=one, subsampling="4:2:0")) for one in range(5, 101, 5)]
    assert sizes == sorted(set(sizes))
    profile = bytes(range(256)) * 300
    data = encoder.encode_thumbnail(source, quality=60, subsampling="4:2:0", icc_profile=profile)
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == profile


@pytest.mark.parametrize("quality", [0, 101, -1])
def test_a_quality_that_there_is_not_is_refused(encoder: OwnEncoder, quality: int) -> None:
    with pytest.raises(ValueError, match=rf"quality {quality} is not in 1\.\.100"):
        encoder.encode_thumbnail(photo(), quality=quality, subsampling="4:2:0")


def test_black_on_white_rings_less_in_a_thumbnail_than_where_white_may_not_rise(encoder: OwnEncoder) -> None:
    source = np.full((96, 96), 255, np.uint8)
    source[20:76:9, 12:84] = source[12:84, 20:76:13] = 0
    almost = np.where(source == 255, 254, source).astype(np.uint8)
    rings = [
        np.abs(by_pillow(encoder.encode_thumbnail(one, quality=60, subsampling="4:2:0")).astype(int) - one)[one > 0]
        for one in (source, almost)
    ]
    assert rings[0].mean() < 0.8 * rings[1].mean()


def test_one_code_serves_luma_and_chroma_where_two_take_more() -> None:
    packing = native_packing()
    if packing is None:
        pytest.skip("the native library was not built here")
    file = io.BytesIO()
    Image.fromarray(photo(40, 40)).save(file, "JPEG", quality=60, optimize=True)
    packed = packing.packed(file.getvalue())
    assert packed is not None
    assert np.array_equal(by_pillow(packed), by_pillow(file.getvalue()))
    codes = [one for one in segments(packed) if one.marker == 0xC4]
    assert len(codes) == 1
    at, numbers = codes[0].payload, list[int]()
    while at < codes[0].end:
        numbers.append(packed[at])
        at += 17 + sum(packed[at + 1 : at + 17])
    assert numbers == [0x00, 0x10]


@pytest.mark.parametrize(("subsampling", "number"), [("4:2:0", 2), ("4:4:4", 0)])
def test_chroma_is_halved_as_asked_and_the_tables_are_known(
    encoder: OwnEncoder, subsampling: Subsampling, number: int
) -> None:
    data = encoder.encode(photo(), distance=1.5, subsampling=subsampling)
    assert JpegImagePlugin.get_sampling(Image.open(io.BytesIO(data))) == number
    assert jpeg_quantisers(data, None).is_own
    assert with_own_tables(data) == data


def test_a_profile_comes_back_byte_for_byte(encoder: OwnEncoder) -> None:
    profile = bytes(i * 7 % 251 for i in range(200_000))
    data = encoder.encode(photo(), distance=2, subsampling="4:2:0", icc_profile=profile)
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == profile


@pytest.mark.parametrize("source", [photo(), landscape(), drawing()], ids=["photo", "landscape", "drawing"])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_bytes_and_quality_rise_together_without_a_jump(
    encoder: OwnEncoder, source: Pixels, subsampling: Subsampling
) -> None:
    distances = [distance_from_quality(quality) for quality in range(1, 101)]
    sizes = [len(encoder.encode(source, distance=one, subsampling=subsampling)) for one in distances]
    assert all(finer >= 0.985 * coarser for coarser, finer in pairwise(sizes))
    assert all(finer <= 1.4 * coarser for coarser, finer in pairwise(sizes))
    assert all(finer > coarser for coarser, finer in zip(sizes, sizes[5:], strict=False))


@pytest.mark.parametrize("source", [photo(), landscape()], ids=["photo", "landscape"])
def test_the_finest_is_as_close_as_libjpegs(encoder: OwnEncoder, source: Pixels) -> None:
    file = io.BytesIO()
    Image.fromarray(source).save(file, "JPEG", quality=100, subsampling=0)
    finest = encoder.encode(source, distance=distance_from_quality(100), subsampling="4:4:4")
    assert psnr(source, by_pillow(finest)) > psnr(source, by_pillow(file.getvalue())) - 0.5


def psnr(source: Pixels, shown: Pixels) -> float:
    return -10 * math.log10(float(np.square(source.astype(float) - shown).mean()) / 255**2)


@pytest.mark.parametrize("quality", [50, 65, 80, 90])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_at_an_equal_score_it_takes_fewer_bytes_than_jpegli(
    encoder: OwnEncoder, quality: int, subsampling: Subsampling
) -> None:
    if not jpegli_backend().startswith("native"):
        pytest.skip("the native path to jpegli is not to be had")
    source, distance = landscape(), distance_from_quality(quality)
    other = encode_jpegli(source, distance=distance, subsampling=subsampling)
    made = [encoder.encode(source, distance=distance * times, subsampling=subsampling) for times in (0.75, 1, 1.3)]
    scores = [score(source, by_pillow(data)) for data in reversed(made)]
    sizes = [math.log(len(data)) for data in reversed(made)]
    reached = score(source, by_pillow(other))
    assert scores[0] < reached < scores[-1]
    assert np.interp(reached, scores, sizes) < math.log(len(other))


def patches() -> Pixels:
    """Small squares of all hues, for which chroma is kept whole."""
    rng = np.random.default_rng(3)
    return np.ascontiguousarray(rng.integers(0, 256, (120, 160, 3), np.uint8).repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize("quality", [5, 10, 20, 28])
def test_at_low_rates_it_takes_no_more_than_mozjpeg_at_an_equal_score(encoder: OwnEncoder, quality: int) -> None:
    source = landscape()
    image = pyvips.Image.new_from_array(source)
    settings = {"trellis_quant": True, "overshoot_deringing": True, "quant_table": 5, "optimize_scans": True}
    other = image.jpegsave_buffer(Q=quality, interlace=True, optimize_coding=True, subsample_mode="on", **settings)
    distances = [100 / 1.2**step for step in range(18)]
    made = [encoder.encode(source, distance=distance, subsampling="4:2:0") for distance in distances]
    scores = [score(source, by_pillow(data)) for data in made]
    reached = score(source, by_pillow(other))
    assert scores[0] < reached < scores[-1]
    assert np.interp(reached, scores, [math.log(len(data)) for data in made]) <= math.log(len(other))


@pytest.mark.parametrize("quality", [1, 10, 20, 29, 30, 31])
def test_below_and_above_a_quality_of_30_it_is_the_same_encoder(encoder: OwnEncoder, quality: int) -> None:
    del encoder
    options = CompressionOptions(format=OutputFormat.JPG, quality=quality)
    assert compress(encoded(landscape(), ".png"), options).report.encoder.startswith("leanpix")


@pytest.mark.parametrize("effort", list(Effort))
@pytest.mark.parametrize("left_s", [60.0, 0.0], ids=["time", "no time"])
def test_every_setting_that_a_search_may_ask_for_makes_a_file(effort: Effort, left_s: float) -> None:
    """The furthest as well, which another encoder makes where there is no time for ours."""
    encoder = JpegCodec().open(Raster(landscape()), effort, Goal(score=75, left_s=lambda: left_s))
    for curve in (encoder.rates, encoder.scores):
        for parameter, _ in (curve.points[0], curve.points[-1]):
            assert by_pillow(encoder.encode(encoder.to_grid(parameter)).data).shape == landscape().shape


def test_a_size_that_no_setting_reaches_is_met_by_smaller_sides() -> None:
    done = compress(encoded(landscape(), ".jpg"), CompressionOptions(format=OutputFormat.JPG, max_bytes=1024))
    assert len(done.data) <= 1024


def sky(height: int = 240, width: int = 360) -> Pixels:
    """One that changes slowly from blue to red, with little grain."""
    y, x = np.mgrid[0:height, 0:width]
    part = (y / height + 0.2 * x / width)[:, :, None] / 1.2
    grain = np.random.default_rng(5).normal(0, 0.6, (height, width, 1))
    shown = np.array([70, 110, 170]) * (1 - part) + np.array([235, 190, 150]) * part + grain
    return np.ascontiguousarray(np.clip(shown, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("distance", [2.9, 3.3, 4.0])
def test_a_sky_keeps_to_whole_levels(encoder: OwnEncoder, distance: float) -> None:
    """Steps of a mean beside 8 are rounded once more as pixels are shown, which shows as bands."""
    data = encoder.encode(sky(), distance=distance, subsampling="4:2:0")
    assert [table[0] for table in Image.open(io.BytesIO(data)).quantization.values()] == [8, 8]  # type: ignore[attr-defined]


@pytest.mark.parametrize("quality", [35, 50, 65, 80, 90])
def test_a_quality_means_what_it_means_of_jpegli(encoder: OwnEncoder, quality: int) -> None:
    source, distance = landscape(), distance_from_quality(quality)
    scores = [
        score(source, by_pillow(one))
        for one in (
            encoder.encode(source, distance=distance, subsampling="4:2:0"),
            encode_jpegli(source, distance=distance, subsampling="4:2:0"),
        )
    ]
    assert abs(scores[0] - scores[1]) < 3


def emblems() -> tuple[Pixels, NDArray[np.bool_]]:
    """A landscape with yellow things that have blue marks of some pixels; and where they are."""
    source = landscape()
    y, x = np.mgrid[0 : source.shape[0], 0 : source.shape[1]]
    things = (x % 96 < 56) & (y % 80 < 40)
    marks = things & (np.hypot(x % 96 % 14 - 7, y % 80 % 12 - 6) < 4.5)
    for place, colour in ((things, (210, 180, 40)), (marks, (40, 60, 170))):
        source[place] = (0.2 * source[place] + 0.8 * np.array(colour)).astype(np.uint8)
    return source, things


def chroma_off(source: Pixels, shown: Pixels, places: NDArray[np.bool_]) -> float:
    planes = [np.asarray(Image.fromarray(one).convert("YCbCr")).astype(int)[places, 1:] for one in (source, shown)]
    return float(np.abs(planes[0] - planes[1]).mean())


@pytest.mark.parametrize("quality", [30, 35, 50, 75])
def test_small_saturated_things_keep_their_colour_better_than_libjpegs(encoder: OwnEncoder, quality: int) -> None:
    source, places = emblems()
    data = encoder.encode(source, distance=distance_from_quality(quality), subsampling="4:2:0")
    files = [io.BytesIO() for _ in range(100)]
    for setting, file in enumerate(files):
        Image.fromarray(source).save(file, "JPEG", quality=setting, optimize=True, progressive=True)
    as_large = next(file.getvalue() for file in files if len(file.getvalue()) >= len(data))
    assert chroma_off(source, by_pillow(data), places) < 0.75 * chroma_off(source, by_pillow(as_large), places)


def test_means_against_a_bad_place_spend_bytes(encoder: OwnEncoder) -> None:
    source = photo()
    plain, even, finer = (
        encoder.encode(source, distance=3, subsampling="4:2:0", means=means)
        for means in (Means(), Means(is_even=True), Means(low_step=2.0))
    )
    assert len(even) > len(plain)
    assert len(finer) > len(plain)
    mean, across, *_ = Image.open(io.BytesIO(finer)).quantization[0]  # type: ignore[attr-defined] # of its JPEG class
    assert mean <= 2
    assert across <= 3


@pytest.mark.parametrize("distance", [0.1, 0.6, 6.0])
@pytest.mark.parametrize("bands", [1, 3])
def test_blocks_of_black_and_white_side_by_side_are_kept(encoder: OwnEncoder, distance: float, bands: int) -> None:
    y, x = np.mgrid[0:96, 0:161] // 8
    source = np.repeat(((x + y) % 2 * 255).astype(np.uint8)[:, :, None], bands, axis=2)
    pixels = by_pillow(encoder.encode(source, distance=distance, subsampling="4:2:0")).reshape(source.shape)
    assert np.abs(pixels.astype(int) - source).max() <= 4 * max(1, distance)


def test_threads_encode_side_by_side_with_the_same_result(encoder: OwnEncoder) -> None:
    source = landscape()

    def encode(_: int) -> bytes:
        return encoder.encode(source, distance=1, subsampling="4:2:0")

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(encode, range(12)))) == 1


@pytest.mark.parametrize("size", [(1, 1), (33, 50), (250, 131)])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_every_processor_makes_the_same_file(
    encoder: OwnEncoder, size: tuple[int, int], subsampling: Subsampling
) -> None:
    library = load_native()
    assert library is not None
    plain, source = OwnEncoder(library, cpu=PLAIN_CPU), photo(*size)
    for distance in (0.05, 1.0, 8.0):
        files = [one.encode(source, distance=distance, subsampling=subsampling) for one in (plain, encoder)]
        assert files[0] == files[1]


@pytest.mark.parametrize(
    ("pixels", "distance", "what"),
    [
        (np.zeros((0, 5, 3), np.uint8), 1.0, "picture"),
        (np.broadcast_to(np.uint8(0), (65501, 1)), 1.0, "picture"),
        (np.zeros((5, 5, 4), np.uint8), 1.0, "pixels"),
        (photo(), float("nan"), "distance"),
        (photo(), 100.1, "distance"),
    ],
)
def test_what_cannot_be_encoded_is_refused(encoder: OwnEncoder, pixels: Any, distance: float, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        encoder.encode(pixels, distance=distance, subsampling="4:2:0")


@settings(max_examples=30)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    distance=st.floats(jpegli.MIN_DISTANCE, jpegli.MAX_DISTANCE),
    subsampling=st.sampled_from(["4:2:0", "4:4:4"]),
    seed=st.integers(0, 1000),
)
def test_noise_of_any_size_and_distance_is_readable(
    shape: tuple[int, int], distance: float, subsampling: Subsampling, seed: int
) -> None:
    encoder = own_encoder()
    if encoder is None:
        pytest.skip("the native library was not built here")
    source = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    assert by_libvips(encoder.encode(source, distance=distance, subsampling=subsampling)).shape == source.shape


@pytest.mark.parametrize("most_cpu_s", [-1.0, 0.0, 1e-4])
def test_it_ends_with_its_time(encoder: OwnEncoder, most_cpu_s: float) -> None:
    with pytest.raises(TimeoutError):
        encoder.encode(landscape(), distance=1, subsampling="4:2:0", most_cpu_s=most_cpu_s)
    assert encoder.encode(landscape(), distance=1, subsampling="4:2:0", most_cpu_s=1000)


def test_jpegli_takes_over_where_it_is_too_slow(encoder: OwnEncoder) -> None:
    del encoder
    source = JpegCodec().open(Raster(landscape()), Effort.FULL, Goal(quality=75, left_s=lambda: 1e-4))
    assert source.encode(source.param_for(75)).encoder.startswith("jpegli")


@pytest.mark.parametrize(("effort", "by"), [("full", "leanpix"), ("reduced", "leanpix"), ("minimal", "jpegli")])
@pytest.mark.parametrize("source", [landscape(), patches()], ids=["halved", "whole"])
def test_it_serves_every_effort_but_the_least(encoder: OwnEncoder, source: Pixels, effort: str, by: str) -> None:
    del encoder
    opened = JpegCodec().open(Raster(source), Effort(effort), Goal(quality=75))
    assert opened.encode(opened.param_for(75)).encoder.startswith(by)


def test_a_picture_larger_than_a_thumbnail_is_made_by_it(encoder: OwnEncoder) -> None:
    del encoder
    report = compress(encoded(landscape(), ".png"), CompressionOptions(format=OutputFormat.JPG, quality=75)).report
    assert report.encoder == "leanpix 4:2:0"
