"""Thumbnails as JPEG: no larger than what mozjpeg takes as others call it where that looks as good, by two metrics."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from bench.engine_metrics import judges
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import encoded, photo
from tests.support.corpus import CORPUS, needs_photographs

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress, score
from leanpix.engine.codecs.jpeg.own_encoder import own_encoder

Judge = Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]

NOISE = 0.005
"""Of bytes read off between two qualities."""

QUALITIES = (10, 20, 30, 40, 50, 60, 70, 80, 85, 89)
PHOTOGRAPHS = ("a_Z_kodim01.png", "a_Z_kodim07.png", "a_Z_kodim13.png", "a_Z_kodim21.png", "a_Q_demo-large-photo.jpg")


def shown(data: bytes) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pyvips.Image.new_from_buffer(data, "").numpy()[:, :, :3])


def by_mozjpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """With the settings of sharp's `mozjpeg: true`."""
    return encoded(
        pixels,
        ".jpg",
        Q=quality,
        interlace=True,
        trellis_quant=True,
        overshoot_deringing=True,
        optimize_scans=True,
        quant_table=3,
        optimize_coding=True,
        keep="none",
    )


def hvs_m(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(judges(one)["PSNR-HVS-M"](other))


@needs_photographs
@pytest.mark.parametrize("judge", [score, hvs_m], ids=["SSIMULACRA2", "PSNR-HVS-M"])
@pytest.mark.parametrize("side_px", [64, 160, 240, 320])
def test_as_good_it_takes_no_more_than_mozjpeg(side_px: int, judge: Judge) -> None:
    ratios: dict[int, list[float]] = {50: [], 65: [], 80: []}
    for name in PHOTOGRAPHS:
        pixels = np.ascontiguousarray(pyvips.Image.thumbnail(str(CORPUS / name), side_px).numpy()[:, :, :3])
        others = sorted((judge(pixels, shown(one)), len(one)) for q in QUALITIES for one in [by_mozjpeg(pixels, q)])
        scores, sizes = zip(*others, strict=True)
        for quality, at_quality in ratios.items():
            asked = CompressionOptions(format=OutputFormat.JPG, quality=quality)
            ours = compress(encoded(pixels, ".png"), asked)
            reached = judge(pixels, shown(ours.data))
            if scores[0] <= reached <= scores[-1]:
                at_quality.append(math.log(len(ours.data) / float(np.interp(reached, scores, sizes))))
    assert all(ratios.values())
    means = {quality: sum(found) / len(found) for quality, found in ratios.items()}
    assert max(means.values()) <= NOISE, means


def test_a_thumbnail_has_libjpegs_quality_a_larger_picture_a_distance() -> None:
    asked = CompressionOptions(format=OutputFormat.JPG, quality=75)
    small, larger = (compress(encoded(photo(*size), ".png"), asked).report for size in ((320, 240), (640, 480)))
    by = ("mozjpeg", "jpegli") if own_encoder() is None else ("leanpix", "leanpix")
    assert (small.encoder.split()[0], larger.encoder.split()[0]) == by
    assert (small.distance is None, larger.distance is None) == (True, False)


def test_grain_that_is_asked_for_is_kept_at_any_size() -> None:
    report = compress(encoded(photo(), ".png"), CompressionOptions(format=OutputFormat.JPG, quality=95)).report
    assert report.encoder.startswith("jpegli")


def patches(saturation: int, side_px: int, seed: int, patch_px: int = 3) -> NDArray[np.uint8]:
    """Small squares of all hues beside each other."""
    rng = np.random.default_rng(seed)
    count = -(-side_px // patch_px)
    hues = rng.integers(0, 256, (count, count))
    bands = [hues, np.full_like(hues, saturation), rng.integers(60, 200, (count, count))]
    small = Image.fromarray(np.stack(bands, axis=2).astype(np.uint8), "HSV").convert("RGB")
    pixels = np.asarray(small).repeat(patch_px, 0).repeat(patch_px, 1)
    return np.ascontiguousarray(pixels[:side_px, :side_px])


def chroma_error(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The mean distance in levels of JFIF's chroma."""
    planes = [np.asarray(Image.fromarray(pixels).convert("YCbCr"))[:, :, 1:].astype(int) for pixels in (one, other)]
    return float(np.abs(planes[0] - planes[1]).mean())


@pytest.mark.parametrize("seed", [1, 6])
def test_small_colours_that_halving_takes_are_not_sought_by_finer_steps(seed: int) -> None:
    pixels = patches(100, 96, seed)
    result = compress(encoded(pixels, ".png"), CompressionOptions(format=OutputFormat.JPG, quality=80))
    assert result.report.encoder.endswith("4:4:4")
    assert not any(one.name.endswith("finer") for one in result.report.considered)
    own = own_encoder()
    if own is None:
        return
    finer = next(
        data
        for data in (own.encode_thumbnail(pixels, quality=one, subsampling="4:2:0") for one in range(80, 101))
        if len(data) >= len(result.data)
    )
    assert chroma_error(pixels, shown(result.data)) < 0.7 * chroma_error(pixels, shown(finer))
