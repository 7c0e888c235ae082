"""Lossy WebP by libwebp itself: what it writes, and what stands in for it where it cannot be reached."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import photo

from leanpix.domain.errors import TaskFailure
from leanpix.engine.budget import Budget, Effort
from leanpix.engine.codecs.base import Goal, Raster
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.codecs.webp import libwebp_native
from leanpix.engine.codecs.webp.codec import WebpCodec, WebpEncoder
from leanpix.engine.codecs.webp.libwebp import encode_libwebp, libwebp_backend, modes_bytes
from leanpix.engine.codecs.webp.libwebp_native import LossySettings
from leanpix.engine.goals.fitting import largest_within
from leanpix.engine.judging.meter import QualityMeter

PLAIN = LossySettings(80, 4, 80, sharp_chroma=False)
needs_native = pytest.mark.skipif(
    not libwebp_backend().startswith("native"), reason="Pillow's own libwebp is out of reach here"
)


def decoded(webp: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(webp), formats=("WEBP",))
    picture.load()
    return picture


def rgba() -> NDArray[np.uint8]:
    alpha = np.linspace(0, 255, 240 * 320).reshape(240, 320, 1).astype(np.uint8)
    return np.ascontiguousarray(np.concatenate([photo(), alpha], axis=2))


def test_pillow_as_locked_lets_its_library_be_reached() -> None:
    assert libwebp_backend().startswith("native")


@needs_native
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("profile", [None, b"odd length profile."])
def test_every_number_of_bands_keeps_its_look_its_alpha_and_its_profile(bands: int, profile: bytes | None) -> None:
    source = rgba()[:, :, [0, 3]] if bands == 2 else rgba()[:, :, :bands]
    picture = decoded(encode_libwebp(np.ascontiguousarray(source), replace(PLAIN, quality=95), profile))
    assert picture.info.get("icc_profile") == profile
    assert picture.mode == ("RGBA" if bands in {2, 4} else "RGB")
    pixels = np.asarray(picture, np.int16)
    if bands in {2, 4}:
        assert np.abs(pixels[:, :, 3] - source[:, :, -1]).mean() < 1
    opaque = slice(200, None)  # colours under little alpha are free to change
    colour = source[opaque, :, : 1 if bands < 3 else 3].astype(np.int16)
    assert np.abs(pixels[opaque, :, :3] - colour).mean() < 5


@needs_native
@pytest.mark.parametrize("bands", [3, 4])
def test_chroma_that_is_halved_with_care_is_the_same_in_strips(monkeypatch: pytest.MonkeyPatch, bands: int) -> None:
    y, x = np.mgrid[0:237, 0:319]
    picture = np.stack([(x // 7 % 2) * 255, (y // 9 % 2) * 200, (x + y) % 256, np.full_like(x, 255)], axis=2)
    source = np.ascontiguousarray(picture.astype(np.uint8)[:, :, :bands])
    settings = replace(PLAIN, quality=95, sharp_chroma=True, alpha_quality=None)
    whole = np.asarray(decoded(encode_libwebp(source, settings)), np.int16)
    monkeypatch.setattr(libwebp_native, "_SHARP_AT_ONCE_PIXELS", 319 * 40)
    strips = np.asarray(decoded(encode_libwebp(source, settings)), np.int16)
    plain = np.asarray(decoded(encode_libwebp(source, replace(settings, sharp_chroma=False))), np.int16)
    assert np.abs(strips - whole).mean() < 0.1 * np.abs(plain - whole).mean()
    assert np.abs(strips - whole).max() < 0.5 * np.abs(plain - whole).max()


@needs_native
def test_bytes_grow_between_whole_qualities() -> None:
    sizes = [len(encode_libwebp(photo(), replace(PLAIN, quality=90 + step / 4))) for step in range(5)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) >= 3


@needs_native
def test_what_blocks_modes_take_grows_with_the_area_that_has_detail() -> None:
    flat, detailed = np.full((480, 640, 3), 90, np.uint8), photo(640, 480)
    settings = LossySettings(80, 4, 80, sharp_chroma=False)
    plain, half, full = (
        modes_bytes(encode_libwebp(pixels, settings))
        for pixels in (flat, np.concatenate([flat[:240], detailed[240:]]), detailed)
    )
    assert plain < half < full < len(encode_libwebp(detailed, settings))
    assert half - plain == pytest.approx((full - plain) / 2, rel=0.25)


@needs_native
def test_slower_methods_and_sharp_chroma_keep_what_they_promise() -> None:
    text = photo()
    text[::3, ::2] = (230, 20, 40)  # as fine and as coloured as small print
    judge = QualityMeter(Raster(text))
    encoder = WebpCodec().open(Raster(text), Effort.FULL, Goal(quality=80))
    plain = replace(encoder, is_colourful=False)
    assert encoder.is_colourful
    assert judge.score(encoder.encode(80)) > judge.score(plain.encode(80)) + 3
    sizes = [len(encode_libwebp(photo(), replace(PLAIN, method=method))) for method in (4, 6)]
    assert sizes[1] < sizes[0]


@needs_native
def test_a_picture_that_the_format_cannot_hold_is_a_failure_of_the_task() -> None:
    with pytest.raises(TaskFailure, match="libwebp's error"):
        encode_libwebp(np.zeros((1, 16384, 3), np.uint8), PLAIN)


def _without_native(pixels: NDArray[np.uint8]) -> WebpEncoder:
    return replace(WebpCodec().open(Raster(pixels), Effort.FULL, Goal(quality=80)), is_native=False)


def test_without_the_library_libvips_meets_sizes_by_whole_qualities() -> None:
    trials = EncoderRuns(_without_native(photo()), Budget())
    limit = 8000
    found = largest_within(trials, 320 * 240, limit)
    assert found is not None
    assert 0.85 * limit < len(found.data) <= limit
    assert found.quality == round(found.quality or math.nan)


@needs_native
def test_both_ways_look_alike_at_a_quality() -> None:
    raster = Raster(photo())
    judge = QualityMeter(raster)
    own, libvips = (
        encoder.encode(80) for encoder in (replace(_without_native(photo()), is_native=True), _without_native(photo()))
    )
    assert abs(judge.score(own) - judge.score(libvips)) < 3
    assert len(own.data) < 1.02 * len(libvips.data)
