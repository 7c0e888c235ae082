"""JPEGs of every kind that the engine writes show the same in Chromium as by libjpeg-turbo, mozjpeg and libvips."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import product
from typing import Any

import mozjpeg_lossless_optimization as mozjpeg
import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from tests.engine.pictures import encoded, photo
from tests.support.shown import Shown

from leanpix.domain.formats import OutputFormat
from leanpix.domain.keep import Keep
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.codecs.jpeg.lossless import packed
from leanpix.engine.codecs.jpeg.own_encoder import own_encoder
from leanpix.engine.colour.made_profile import Primaries, matrix_profile

Pixels = NDArray[np.uint8]
SIZES = [(1, 1), (1, 40), (40, 1), (7, 9), (8, 8), (16, 16), (17, 33), (31, 250), (333, 257), (2500, 3), (640, 480)]
QUALITIES = (5, 25, 60, 80, 92, 100)
P3 = Primaries((0.3127, 0.3290), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
TOLERANCE, PROFILE_TOLERANCE = 2, 3
GRAY, HALVED, WHOLE = 1, 2, 0
"""How chroma is stored: not at all, and as Pillow numbers it."""


def gray(width: int, height: int) -> Pixels:
    return np.ascontiguousarray(photo(width, height)[:, :, :1])


def muted(width: int, height: int) -> Pixels:
    """A photograph whose colours change slowly."""
    pixels = photo(width, height).astype(float)
    luma = pixels.mean(axis=2, keepdims=True)
    toned: Pixels = np.clip(luma * (1.05, 1.0, 0.92), 0, 255).astype(np.uint8)
    return toned


def striped(width: int, height: int) -> Pixels:
    """Lines of one pixel in two full colours."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = (250, 20, 30)
    pixels[:, ::2] = (20, 60, 240)
    return pixels


def by_pillow(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data), formats=("JPEG",)).convert("RGB"))


def by_mozjpeg(data: bytes) -> Pixels:
    """Its coefficients read and written by mozjpeg."""
    return by_pillow(mozjpeg.optimize(data))


def by_libvips(data: bytes) -> Pixels:
    shown: Pixels = pyvips.Image.new_from_buffer(data, "", fail_on="warning").colourspace("srgb").numpy()
    return shown


def chroma_of(data: bytes) -> int:
    opened = Image.open(io.BytesIO(data), formats=("JPEG",))
    return GRAY if opened.mode == "L" else int(JpegImagePlugin.get_sampling(opened))


def assert_shown_alike(shown: Shown, data: bytes) -> None:
    expected = by_pillow(data)
    assert np.array_equal(by_mozjpeg(data), expected)
    assert np.array_equal(by_libvips(data), expected)
    seen = shown.still(data, "image/jpeg")
    assert seen is not None
    assert seen.shape == (*expected.shape[:2], 4)
    assert (seen[:, :, 3] == 255).all()
    assert np.abs(seen[:, :, :3].astype(int) - expected).max() <= TOLERANCE


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("of", [gray, muted, striped])
def test_every_size_and_kind_shows_the_same(
    shown: Shown, of: Callable[[int, int], Pixels], size: tuple[int, int]
) -> None:
    source = encoded(of(*size), ".png")
    for quality in QUALITIES:
        assert_shown_alike(shown, made(source, quality=quality))


def test_what_is_compared_has_every_kind() -> None:
    if own_encoder() is None:
        pytest.skip("the native library was not built here")
    pictures = [encoded(of(*size), ".png") for of in (gray, muted, striped) for size in (SIZES[6], SIZES[-1])]
    results = [made(picture, quality=quality) for picture in pictures for quality in QUALITIES]
    assert {(chroma_of(one), is_progressive(one)) for one in results} == set(product((GRAY, HALVED, WHOLE), (0, 1)))


def test_automatic_quality_and_a_size_show_the_same(shown: Shown) -> None:
    for pixels in (gray(333, 257), muted(640, 480), muted(120, 90), striped(90, 70)):
        source = encoded(pixels, ".png")
        for data in (made(source), made(source, max_bytes=len(made(source)) * 2 // 3)):
            assert_shown_alike(shown, data)


@pytest.mark.parametrize("settings", ["Q=92", "Q=92,subsample_mode=off", "Q=70,interlace", "Q=85,restart_interval=3"])
def test_a_source_packed_without_loss_shows_the_same(shown: Shown, settings: str) -> None:
    source = encoded(muted(333, 257), f".jpg[{settings}]")
    repacked = packed(source)
    assert repacked is not None
    assert np.array_equal(by_pillow(repacked.data), by_pillow(source))
    assert_shown_alike(shown, repacked.data)


def test_a_kept_profile_is_followed(shown: Shown) -> None:
    profile = matrix_profile(P3, None)
    written, pixels = io.BytesIO(), striped(64, 48)
    pixels[:, 32:] = (20, 240, 60)  # a green that sRGB has not
    Image.fromarray(pixels).save(written, "JPEG", quality=95, subsampling=0, icc_profile=profile)
    data = made(written.getvalue(), quality=90, keep=(Keep.PROFILE,))
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == profile
    converted = np.asarray(pyvips.Image.new_from_buffer(data, "").icc_transform("srgb").numpy())
    seen = shown.still(data, "image/jpeg")
    assert seen is not None
    assert np.abs(seen[:, :, :3].astype(int) - converted).max() <= PROFILE_TOLERANCE


def made(source: bytes, **asked: Any) -> bytes:
    return compress(source, CompressionOptions(format=OutputFormat.JPG, **asked)).data


def is_progressive(data: bytes) -> bool:
    return "progressive" in Image.open(io.BytesIO(data), formats=("JPEG",)).info
