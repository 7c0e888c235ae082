"""Lossless WebP of large pictures, coded without libwebp: exact, small, and read by everybody."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import drawing, image, photo

from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Goal, Raster
from leanpix.engine.codecs.webp import codec as webp
from leanpix.engine.codecs.webp.lossless.encoder import lossless_kernels

Pixels = NDArray[np.uint8]
pytestmark = pytest.mark.skipif(lossless_kernels() is None, reason="the native library was not built")


def kept(pixels: Pixels, profile: bytes | None = None) -> bytes:
    """The file that a large picture of these pixels would become."""
    raster = Raster(np.ascontiguousarray(pixels), icc_profile=profile)
    encoder = webp.WebpCodec().open(raster, Effort.MINIMAL, Goal(quality=80))
    done = replace(encoder, kernels=lossless_kernels()).lossless()
    assert done.is_lossless
    assert done.encoder == "own lossless"
    return done.data


def read_back(file: bytes) -> Pixels:
    """RGBA as two readers have it, the libraries of Pillow and of libvips, which have to agree."""
    seen = np.asarray(Image.open(io.BytesIO(file), formats=("WEBP",)).convert("RGBA"))
    found = pyvips.Image.webpload_buffer(file)
    also = found.numpy().reshape(*seen.shape[:2], found.bands)
    assert np.array_equal(seen[:, :, : found.bands], also)
    return seen


def rgba(pixels: Pixels) -> Pixels:
    """What a reader has to see; under full transparency there is no colour."""
    bands = pixels.shape[2]
    gray = bands < 3
    colour = np.repeat(pixels[:, :, :1], 3, axis=2) if gray else pixels[:, :, :3]
    alpha = np.full(pixels.shape[:2], 255, np.uint8) if bands % 2 else pixels[:, :, -1]
    return np.dstack([colour * (alpha > 0)[:, :, None], alpha]).astype(np.uint8)


def is_exact(pixels: Pixels) -> bool:
    return np.array_equal(read_back(kept(pixels)), rgba(pixels))


def blocks(pixels: Pixels, side: int) -> Pixels:
    return pixels.repeat(side, axis=0).repeat(side, axis=1)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 70)),
    bands=st.integers(1, 4),
    colours=st.integers(1, 300),
    side=st.integers(1, 6),
)
def test_every_small_picture_is_kept_exactly(
    seed: int, shape: tuple[int, int], bands: int, colours: int, side: int
) -> None:
    chance = np.random.default_rng(seed)
    table = chance.integers(0, 256, (colours, bands), np.uint8)
    if bands % 2 == 0:
        table[: colours // 2, -1] = chance.choice([0, 255], colours // 2)
    assert is_exact(blocks(table[chance.integers(0, colours, shape)], side))


@pytest.mark.parametrize("colours", [1, 2, 3, 4, 5, 16, 17, 256, 257])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_every_size_of_table_is_kept_exactly(colours: int, bands: int) -> None:
    """And the first one that is too large for it."""
    number = np.arange(60 * 61).reshape(60, 61) % colours
    bases = (1, 7, 13, 31)[:bands]
    pixels = np.stack([(number * base + number // 256 * 91) % 256 for base in bases], axis=2).astype(np.uint8)
    assert is_exact(pixels)


def ramp(side: int, bands: int = 3) -> Pixels:
    y, x = np.mgrid[0:side, 0:side]
    return np.stack([x // 2, y // 2, (x + y) // 4, 255 - x // 9][:bands], axis=2).astype(np.uint8)


def mixed(bands: int = 3) -> Pixels:
    """Flat ground, a photograph, a ramp and noise, each in its own part and some of it again."""
    picture = np.full((700, 900, 4), 255, np.uint8)
    picture[20:260, 30:350, :3] = photo()
    picture[300:660, 40:400] = ramp(360, 4)
    picture[300:540, 500:820] = drawing(bands=4)
    picture[560:690, 500:700, :3] = np.random.default_rng(1).integers(0, 256, (130, 200, 3), np.uint8)
    picture[20:260, 400:720, :3] = photo()
    return picture[:, :, :bands].copy()


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_what_is_flat_smooth_busy_and_repeated_is_kept_exactly(bands: int) -> None:
    assert is_exact(mixed(4)[:, :, [0, 1, 2, 3] if bands == 4 else [[0], [0, 3], [0, 1, 2]][bands - 1]])


def test_a_tall_and_a_wide_picture_are_kept_exactly() -> None:
    strip = mixed().reshape(-1, 21, 3)[:9000]
    assert is_exact(strip)
    assert is_exact(strip.transpose(1, 0, 2))


def test_more_than_a_window_is_kept_exactly() -> None:
    """Copies reach back a million pixels; what is behind is let go of, and rows slide."""
    picture = np.tile(mixed(), (3, 1, 1))
    picture[::200] = 7
    assert is_exact(picture)


@pytest.mark.parametrize("pixels", [mixed(), mixed(4), np.tile(drawing(bands=4), (3, 3, 1))])
def test_it_takes_no_more_bytes_than_libwebps_own(pixels: Pixels) -> None:
    """By a method that takes twice its time; and a hundred more, for that one describes single codes better."""
    assert len(kept(pixels)) < len(image(pixels).webpsave_buffer(lossless=True, effort=2, keep="none")) + 100


def test_what_repeats_from_top_to_bottom_does_not_hide_the_rest_of_a_picture() -> None:
    """Windows every 997 rows: flat title bars, and smooth ground below them."""
    rows, columns = np.mgrid[:3988, :256]
    smooth = np.stack([rows // 9 + columns, rows // 5, columns + rows // 7], axis=2).astype(np.uint8)
    windows = np.where((rows % 997 < 64)[:, :, None], np.uint8(200), smooth)
    assert len(kept(windows)) < 2 * len(image(windows).webpsave_buffer(lossless=True, effort=2, keep="none"))


def test_a_profile_is_kept_with_the_pixels() -> None:
    pixels, profile = mixed(4), image(photo()).icc_transform("srgb").get("icc-profile-data")
    file = kept(pixels, profile)
    assert np.array_equal(read_back(file), rgba(pixels))
    assert pyvips.Image.webpload_buffer(file).get("icc-profile-data") == profile


def test_only_large_pictures_are_kept_this_way(monkeypatch: pytest.MonkeyPatch) -> None:
    raster = Raster(mixed())
    names = []
    for limit in (raster.total_pixels, raster.total_pixels - 1):
        monkeypatch.setattr(webp, "LARGE_WEBP_PIXELS", limit)
        encoder = webp.WebpCodec().open(raster, Effort.MINIMAL, Goal(quality=80))
        names.append(encoder.lossless().encoder)
    assert names == ["libwebp lossless (method 0)", "own lossless"]
