"""Small JPEG sources by the kernels' own reader: to the bit what libvips gives, and nothing of what libvips refuses."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import photo

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.facts import Limits
from leanpix.engine.libraries.native import NEWEST_CPU, PLAIN_CPU, load_native
from leanpix.engine.reading.loaders.base import DecodeRequest
from leanpix.engine.reading.loaders.jpeg import open_raster
from leanpix.engine.reading.loaders.small_jpeg import NativeJpegReader, decoded_small
from leanpix.engine.reading.probe import probe

pytestmark = pytest.mark.skipif(load_native() is None, reason="the native library was not built here")

Pixels = NDArray[np.uint8]
SIZES = [(1, 1), (1, 200), (200, 1), (2, 3), (3, 4), (7, 9), (8, 8), (15, 17), (33, 31), (240, 161)]
WAYS: dict[str, dict[str, Any]] = {
    "4:2:0": {"subsampling": 2},
    "4:4:4": {"subsampling": 0},
    "progressive": {"progressive": True, "subsampling": 2},
    "own tables": {"optimize": True, "quality": 95},
    "coarsest": {"quality": 1},
    "finest": {"quality": 100},
    "restart markers": {"restart_marker_blocks": 2},
    "16-bit steps": {"qtables": [[300] * 64, [700] * 64]},
}


def jpeg(pixels: Pixels, mode: str = "RGB", **more: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", **{"quality": 80, **more})
    return file.getvalue()


def noise(width: int, height: int) -> Pixels:
    return (np.random.default_rng(width).integers(0, 2, (height, width, 3)) * 255).astype(np.uint8)


def by_libvips(data: bytes) -> Pixels | None:
    try:
        image = pyvips.Image.jpegload_buffer(data, access="sequential", fail_on="truncated")
        return np.frombuffer(image.write_to_memory(), np.uint8).reshape(image.height, image.width, image.bands)
    except pyvips.Error:
        return None


def is_as_by_libvips(pixels: Pixels, data: bytes) -> bool:
    expected = by_libvips(data)
    return expected is not None and np.array_equal(pixels, expected)


def by_kernel(data: bytes, cpu: int = NEWEST_CPU) -> Pixels | None:
    """None of what has no header, too."""
    library = load_native()
    assert library is not None
    try:
        told = probe(data, Limits())
    except TaskFailure:
        return None
    return NativeJpegReader(library, cpu=cpu).decoded(data, *told.stored_size, told.bands)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("cpu", [PLAIN_CPU, NEWEST_CPU], ids=["plain", "newest"])
def test_every_kind_is_read_to_the_bit(size: tuple[int, int], way: str, mode: str, cpu: int) -> None:
    source = jpeg(photo(*size), mode, **WAYS[way])
    pixels = by_kernel(source, cpu)
    assert pixels is not None
    assert is_as_by_libvips(pixels, source)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_read_of_extremes_is_right_and_the_rest_is_left_to_others(way: str) -> None:
    source = jpeg(noise(96, 64), **WAYS[way])
    pixels = by_kernel(source)
    assert pixels is None or is_as_by_libvips(pixels, source)


@pytest.mark.parametrize(
    "source",
    [
        jpeg(photo(40, 30), "CMYK"),
        jpeg(photo(40, 30), subsampling=1),
        jpeg(photo(40, 30), keep_rgb=True),
        jpeg(photo(40, 30))[:-40],
        jpeg(photo(40, 30))[:-2],
    ],
    ids=["four bands", "4:2:2", "RGB", "cut short", "without an end"],
)
def test_what_is_damaged_or_unusual_is_left_to_others(source: bytes) -> None:
    assert by_kernel(source) is None


def test_of_another_size_than_told_nothing_is_written() -> None:
    source = jpeg(photo(40, 30))
    assert decoded_small(source, 40, 30, 3) is not None
    for width, height, bands in ((30, 40, 3), (40, 31, 3), (40, 30, 1), (8, 8, 3)):
        assert decoded_small(source, width, height, bands) is None


@pytest.mark.parametrize("way", ["4:2:0", "progressive"])
@pytest.mark.parametrize(("size", "is_read_here"), [((96, 64), True), ((800, 640), True), ((801, 640), False)])
def test_small_sources_are_read_here(way: str, size: tuple[int, int], is_read_here: bool) -> None:
    source = jpeg(photo(*size), **WAYS[way], comment=b"by nobody")
    raster = open_raster(source, probe(source, Limits()), DecodeRequest(Limits()))
    assert (raster.held is not None) is is_read_here
    smaller = open_raster(source, probe(source, Limits()), DecodeRequest(Limits(), shrink=4))
    assert smaller.held is None
    assert smaller.image.width < size[0]


@pytest.mark.parametrize("seed", range(4))
def test_of_hurt_files_no_pixel_is_taken_that_libvips_does_not_give(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    sources = [jpeg(photo(96, 64), **WAYS[way]) for way in ("4:2:0", "progressive", "own tables", "restart markers")]
    taken = 0
    for _ in range(250):
        hurt = bytearray(chance.choice(sources))
        for _ in range(chance.randrange(1, 4)):
            hurt[chance.randrange(2, len(hurt))] = chance.randrange(256)
        if chance.random() < 0.2:
            del hurt[chance.randrange(2, len(hurt)) :]
        pixels = by_kernel(bytes(hurt))
        if pixels is not None:
            taken += 1
            assert is_as_by_libvips(pixels, bytes(hurt))
    assert taken > 0


def test_a_small_source_is_turned_and_coded_as_a_larger_one_is() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    pixels = photo(96, 64)
    plain, upright = (jpeg(pixels, quality=95, exif=exif) for exif in (Image.Exif(), turned))
    options = CompressionOptions(format=OutputFormat.PNG)
    made = [np.asarray(Image.open(io.BytesIO(compress(one, options).data))) for one in (plain, upright)]
    assert made[0].shape == (64, 96, 3)
    assert np.array_equal(np.rot90(made[0], -1), made[1])
