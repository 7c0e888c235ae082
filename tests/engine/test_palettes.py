"""Palettes by the native kernel: the nearest colours, errors carried on, small colours not lost."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from tests.engine.pictures import encoded, photo
from tests.support import trust

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Goal, Raster
from leanpix.engine.codecs.palette_native import NativePalettes, native_palettes
from leanpix.engine.codecs.png import codec as png
from leanpix.engine.codecs.png.palette import Palettes

WEIGHTS = np.array([0.5, 1.0, 0.45, 1.3])
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def kernel() -> NativePalettes:
    found = native_palettes()
    if found is None:
        pytest.skip("the native library was not built")
    return found


def noise(*shape: int, seed: int = 5) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def places(rgba: Pixels) -> NDArray[np.float64]:
    """Where colours lie in the kernel's space, by its description."""
    shares = rgba / 255.0
    placed = np.concatenate([shares[..., :3] ** 1.21 * shares[..., 3:], shares[..., 3:]], axis=-1)
    return np.asarray(placed * WEIGHTS)


def as_rgba(pixels: Pixels) -> Pixels:
    bands = pixels.shape[2]
    colour = pixels[..., : bands - (bands % 2 == 0)]
    alpha = pixels[..., -1:] if bands % 2 == 0 else np.full_like(pixels[..., :1], 255)
    return np.concatenate([np.broadcast_to(colour, (*pixels.shape[:2], 3)), alpha], axis=2)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("colours", [1, 2, 256])
def test_every_pixel_gets_the_nearest_colour(kernel: NativePalettes, bands: int, colours: int) -> None:
    pixels, palette = noise(41, 37, bands), as_rgba(noise(colours, 1, bands, seed=6))[:, 0]
    indices = np.frombuffer(kernel.indices(pixels, palette, 0.0), np.uint8).reshape(41, 37)
    away = ((places(as_rgba(pixels))[:, :, None] - places(palette)[None, None]) ** 2).sum(axis=3)
    chosen = np.take_along_axis(away, indices[:, :, None].astype(int), axis=2)[:, :, 0]
    assert np.allclose(chosen, away.min(axis=2), atol=1e-5)


def test_dithering_keeps_the_mean_that_two_colours_alone_lose(kernel: NativePalettes) -> None:
    pixels = np.full((64, 64, 3), 100, np.uint8)
    palette = np.array([[60, 60, 60, 255], [180, 180, 180, 255]], np.uint8)
    means = [
        places(palette)[np.frombuffer(kernel.indices(pixels, palette, level), np.uint8), 0].mean()
        for level in (0.0, 1.0)
    ]
    wanted = places(np.array([[100, 100, 100, 255]], np.uint8))[0, 0]
    assert abs(means[1] - wanted) < 0.3 * abs(means[0] - wanted)


def test_going_on_with_a_colour_makes_long_runs_of_what_is_hardly_further(kernel: NativePalettes) -> None:
    y, x = np.mgrid[0:200, 0:300]
    waves = [128 + 60 * np.sin(x / 40 + band) * np.cos(y / (30 + 9 * band)) for band in range(3)]
    pixels = (np.stack(waves, axis=2) + np.random.default_rng(3).normal(0, 1.5, (200, 300, 1))).astype(np.uint8)
    palette = Palettes.of(pixels, kernel).at(80)
    nearest, kept = (
        np.frombuffer(kernel.indices(pixels, palette, 0.0, tolerance), np.uint8).reshape(pixels.shape[:2])
        for tolerance in (0.0, 100e-6)
    )
    changes = [np.count_nonzero(np.diff(indices.astype(int))) for indices in (nearest, kept)]
    assert changes[1] < 0.85 * changes[0]
    wanted, placed = places(as_rgba(pixels)), places(palette)
    away = [((wanted - placed[indices]) ** 2).sum(axis=2) for indices in (nearest, kept)]
    assert (away[1] - away[0]).max() <= 101e-6


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_a_pixel_of_a_colour_of_the_palette_keeps_it_whatever_came_before(kernel: NativePalettes, bands: int) -> None:
    ramp = np.arange(100, 130, dtype=np.uint8)
    pixels = np.repeat(ramp[np.newaxis, ::-1, np.newaxis], bands, axis=2)
    palette = as_rgba(pixels)[0, ::-1]
    indices = np.frombuffer(kernel.indices(pixels, palette, 0.5, 100e-6), np.uint8)
    assert np.array_equal(palette[indices], palette[::-1])


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_as_many_colours_as_there_are_places_for_are_chosen_as_they_are(kernel: NativePalettes, bands: int) -> None:
    few = np.repeat(noise(16, 16, bands), 3, axis=1)
    seen = as_rgba(few).reshape(-1, 4).copy()
    seen[seen[:, 3] == 0] = 0
    assert {tuple(colour) for colour in kernel.chosen(few, 0.0).tolist()} == {tuple(c) for c in seen.tolist()}


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_chosen_colours_are_near_and_fewer_where_more_error_is_allowed(kernel: NativePalettes, bands: int) -> None:
    pixels = np.ascontiguousarray(np.concatenate([photo(), photo(seed=2)[:, :, :1]], axis=2)[:, :, :bands])
    counts = list[int]()
    for allowed in (5000e-6, 1000e-6, 200e-6):
        palette = kernel.chosen(pixels, allowed)
        indices = np.frombuffer(kernel.indices(pixels, palette, 0.0), np.uint8)
        away = ((places(as_rgba(pixels)).reshape(-1, 4) - places(palette)[indices]) ** 2).sum(axis=1)
        counts.append(len(palette))
        assert away.mean() <= allowed or len(palette) == 256
    assert 1 < counts[0] < counts[1] < counts[2]


def test_a_picture_of_very_many_colours_gets_a_palette_all_over_them(kernel: NativePalettes) -> None:
    many = noise(700, 700, 4)
    palette = kernel.chosen(many, 0.0)
    assert len(palette) == 256
    assert (np.ptp(palette.astype(int), axis=0) > 100).all()


def test_what_is_flat_and_in_the_palette_stays_flat(kernel: NativePalettes) -> None:
    pixels = np.full((32, 32, 3), 77, np.uint8)
    palette = np.array([[0, 0, 0, 255], [77, 77, 77, 255], [78, 78, 78, 255]], np.uint8)
    assert set(kernel.indices(pixels, palette, 1.0)) == {1}


def test_few_colours_are_all_found_and_many_are_not_counted_on(kernel: NativePalettes) -> None:
    few = np.repeat(noise(16, 16, 4), 3, axis=1)
    found = kernel.few_colours(few)
    assert found is not None
    seen = few.reshape(-1, 4)
    seen[seen[:, 3] == 0] = 0
    assert {tuple(c) for c in found.tolist()} == {tuple(c) for c in seen.tolist()}
    assert kernel.few_colours(noise(100, 100, 3)) is None


def test_a_colour_between_the_samples_points_is_kept(kernel: NativePalettes) -> None:
    pixels = np.zeros((1500, 1500, 3), np.uint8)
    pixels[:, 750:] = 255
    pixels[1, 1] = (255, 0, 0)
    assert [255, 0, 0, 255] in Palettes.of(pixels, kernel).at(100).tolist()


@pytest.mark.parametrize("has_kernel", [True, False])
def test_the_result_is_a_palette_with_and_without_the_kernel(
    monkeypatch: pytest.MonkeyPatch, *, has_kernel: bool
) -> None:
    if not has_kernel:
        monkeypatch.setattr(png, "native_palettes", lambda: None)
    done = compress(encoded(photo(), ".png"), CompressionOptions(format=OutputFormat.PNG, quality=60))
    assert done.report.encoder.startswith("palette")
    assert done.report.score is not None
    assert done.report.score >= 45
    assert pyvips.Image.pngload_buffer(done.data).get("palette") == 1


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_a_preview_shows_what_the_encode_will(kernel: NativePalettes, bands: int) -> None:
    del kernel
    pixels = np.ascontiguousarray(np.concatenate([photo(), photo()[:, ::-1, :1]], axis=2)[:, :, 4 - bands :])
    encoder = png.PngCodec().open(Raster(pixels), Effort.FULL, Goal(quality=60))
    seen = encoder.preview(60)
    shown = pyvips.Image.pngload_buffer(encoder.encode(60).data)
    assert seen is not None
    assert np.array_equal(as_rgba(seen), as_rgba(np.atleast_3d(shown.numpy())))


def test_colours_all_over_are_kept_without_a_palette_being_tried(kernel: NativePalettes) -> None:
    many = encoded(noise(300, 300, 3), ".png")
    done = compress(many, CompressionOptions(format=OutputFormat.PNG, quality=80))
    assert done.report.encodes == 1
    assert done.report.encoder.endswith("apart")  # levels, each pixel with its own
    assert done.report.score is not None
    assert done.report.score >= 65
    assert Palettes.of(noise(300, 300, 3), kernel).most_score < 65
    assert Palettes.of(photo(), kernel).most_score == 100
    poor = compress(many, CompressionOptions(format=OutputFormat.PNG, quality=20))
    assert poor.report.encoder.startswith("palette")


def test_a_small_source_that_packs_better_than_its_palette_is_packed() -> None:
    x, y = np.arange(512, dtype=np.uint16), np.arange(512, dtype=np.uint16)[:, None]
    plaid = np.stack([(x // 2 + 0 * y), (y // 2 + 0 * x), (x // 2 + y // 2) // 2], axis=2).astype(np.uint8)
    for settings in ({"compression": 0}, {"compression": 9, "filter": "none"}):
        done = compress(encoded(plaid, ".png", **settings), CompressionOptions(format=OutputFormat.PNG, quality=60))
        assert done.report.encoder.startswith("oxipng")
        assert len(done.data) < 20_000


@pytest.mark.parametrize("seed", [0, 3, 4])
def test_rare_colours_that_are_no_two_alike_stay(kernel: NativePalettes, seed: int) -> None:
    """Flowers in a meadow: forty pixels between its colours and a yellow that it has nowhere else."""
    meadow, rng = trust.texture(seed), np.random.default_rng(seed)
    rows, columns = rng.integers(0, meadow.shape[0], 40), rng.integers(0, meadow.shape[1], 40)
    share = rng.uniform(0.4, 1, (40, 1))
    flowers = (meadow[rows, columns] * (1 - share) + np.array([250, 215, 10]) * share).astype(np.uint8)
    meadow[rows, columns] = flowers
    colours = kernel.chosen(meadow, 425e-6)[:, :3].astype(int)
    away = np.abs(flowers[:, None].astype(int) - colours).mean(2).min(1)
    assert len(colours) < 64  # of a low quality
    assert away.mean() <= 18


def test_qualities_above_a_full_palette_are_one_and_the_same(kernel: NativePalettes) -> None:
    pixels = noise(64, 64, 3)
    palettes = Palettes.of(pixels, kernel)
    assert palettes.first_like(100) == 100
    full = palettes.at(60)
    assert len(full) == 256
    assert palettes.first_like(100) == 60
    assert palettes.first_like(40) == 40
    assert np.array_equal(palettes.at(100), full)


def test_a_full_palette_that_falls_short_is_not_tried_again_for_a_higher_quality(kernel: NativePalettes) -> None:
    del kernel
    pixels = photo(512, 512)
    encoder = png.PngCodec().open(Raster(pixels), Effort.FULL, Goal(quality=90))
    assert encoder.to_grid(100) == 100
    encoder.preview(90)
    assert encoder.to_grid(100) == 90
    asked = CompressionOptions(format=OutputFormat.PNG, quality=90)
    told = compress(encoded(pixels, ".png"), asked).report
    assert ("png palette", "fell short") in [(one.name, one.decision.value) for one in told.considered]
