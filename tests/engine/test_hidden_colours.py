"""Colours under full transparency are not seen: whatever a file happens to hold there, its lossy WebP is the same."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Decision
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.codecs.webp.hidden_colours import HiddenColours, native_hidden_colours

Pixels = NDArray[np.uint8]
SIDE = 512
INK, BLUE, BLACK = (13, 15, 21), (0, 104, 241), (0, 0, 0)

needs_kernel = pytest.mark.skipif(native_hidden_colours() is None, reason="without the native library they stay")


def lines(hidden: tuple[int, int, int], ink: tuple[int, int, int] = INK) -> Pixels:
    """Thin dark lines and a grainy disc with a soft edge; under what is transparent lies another colour."""
    generator = np.random.default_rng(7)
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[:, :, :3] = hidden
    for left in generator.integers(8, SIDE - 8, 40):
        top, length = generator.integers(0, SIDE - 60), generator.integers(20, 60)
        pixels[top : top + length, left : left + 3] = (*ink, 255)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    cover = np.clip(60 - np.hypot(x - 250, y - 260), 0, 1)
    grain = np.repeat(generator.integers(0, 50, (SIDE, SIDE, 1)), 3, axis=2)
    pixels[cover > 0, :3] = (np.array(ink) + grain)[cover > 0] if ink == INK else ink
    pixels[:, :, 3] = np.maximum(pixels[:, :, 3], np.round(255 * cover)).astype(np.uint8)
    return pixels


def png(pixels: Pixels) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


@needs_kernel
def test_a_hidden_colour_costs_neither_bytes_nor_an_encode() -> None:
    options = CompressionOptions(quality=80, format=OutputFormat.WEBP)
    blue, plain = (compress(png(lines(hidden)), options) for hidden in (BLUE, INK))
    assert blue.report.worst is not None
    assert blue.report.worst.ratio <= 1
    assert len(blue.data) <= 1.05 * len(plain.data)
    taken = [one.name for one in blue.report.considered if one.decision is Decision.TAKEN]
    assert taken == ["webp lossy"]
    assert blue.report.encodes <= plain.report.encodes


@needs_kernel
def test_what_is_seen_stays_and_what_is_not_takes_the_colour_beside_it() -> None:
    pixels = lines(BLUE)
    replaced = HiddenColours(pixels).replaced
    assert replaced is not None
    seen = pixels[:, :, 3] > 0
    assert np.array_equal(replaced[seen], pixels[seen])
    assert np.array_equal(replaced[:, :, 3], pixels[:, :, 3])
    assert not (replaced[:, :, 2] == BLUE[2]).any()


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(lines(BLACK), id="gray"),
        pytest.param(lines(BLUE, BLUE), id="the same colour"),
        pytest.param(np.full((9, 7, 4), 255, np.uint8), id="nothing is hidden"),
        pytest.param(np.zeros((9, 7, 4), np.uint8), id="nothing is seen"),
        pytest.param(np.zeros((9, 7, 2), np.uint8), id="gray with alpha"),
    ],
)
def test_hidden_colours_that_do_no_harm_stay(pixels: Pixels) -> None:
    assert HiddenColours(pixels).replaced is None
