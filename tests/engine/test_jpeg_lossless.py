"""A JPEG packed again by the kernels: not a value changed, by libjpeg's reading, and no more bytes than mozjpeg's."""

from __future__ import annotations

import io
from typing import Any

import mozjpeg_lossless_optimization as mozjpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import drawing, photo

from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Encoded, OverBytesError
from leanpix.engine.codecs.jpeg.codec import JpegCodec
from leanpix.engine.codecs.jpeg.lossless import NativePacking, native_packing, packed

BASELINE, PROGRESSIVE = b"\xff\xc0", b"\xff\xc2"
PICTURES = {"photo": photo(331, 243), "drawing": drawing(331, 243), "tiny": photo(17, 9)}
WAYS: dict[str, dict[str, Any]] = {
    "4:2:0": {"subsampling": 2},
    "4:2:2": {"subsampling": 1},
    "4:4:4, finest": {"subsampling": 0, "quality": 100},
    "progressive": {"progressive": True, "subsampling": 2, "quality": 90},
    "coarsest": {"quality": 1},
    "restart markers": {"restart_marker_blocks": 3, "subsampling": 2},
    "restart markers, progressive": {"restart_marker_rows": 1, "progressive": True},
    "16-bit steps": {"qtables": [[300] * 64, [700] * 64]},
}


@pytest.fixture
def kernel() -> NativePacking:
    found = native_packing()
    if found is None:
        pytest.skip("the native library was not built here")
    return found


def jpeg(pixels: NDArray[np.uint8], mode: str = "RGB", **more: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", **{"quality": 80, **more})
    return file.getvalue()


def shown(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data), formats=("JPEG",)))


def repacked(kernel: NativePacking, source: bytes) -> bytes:
    data = kernel.packed(source)
    assert data is not None
    return data


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("picture", PICTURES)
def test_not_a_pixel_changes_and_the_file_is_not_larger_than_by_the_wheel(
    kernel: NativePacking, picture: str, way: str
) -> None:
    source = jpeg(PICTURES[picture], **WAYS[way])
    data = repacked(kernel, source)
    assert np.array_equal(shown(data), shown(source))
    assert len(data) <= len(mozjpeg.optimize(source, mozjpeg.COPY_MARKERS.ICC)) * 1.003


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_gray_and_four_components(kernel: NativePacking, mode: str) -> None:
    source = jpeg(photo(200, 150), mode)
    data = repacked(kernel, source)
    assert len(data) < len(source)
    assert np.array_equal(shown(data), shown(source))


@pytest.mark.parametrize("sides", [(1, 1), (1, 40), (8, 8), (9, 16), (16, 17), (33, 31)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_every_side_down_to_a_pixel(kernel: NativePacking, sides: tuple[int, int], subsampling: int) -> None:
    source = jpeg(photo(*sides), subsampling=subsampling)
    assert np.array_equal(shown(repacked(kernel, source)), shown(source))


def test_a_small_picture_has_one_scan_and_a_large_one_several(kernel: NativePacking) -> None:
    assert BASELINE in repacked(kernel, jpeg(photo(24, 24)))
    assert PROGRESSIVE in repacked(kernel, jpeg(photo(640, 480)))


def test_packing_ends_with_its_time_and_leaves_the_source_without_metadata(kernel: NativePacking) -> None:
    noted = Image.Exif()
    noted[0x010E] = "a view"
    source, plain = jpeg(photo(320, 240), exif=noted), jpeg(photo(320, 240))
    with pytest.raises(TimeoutError):
        kernel.packed(source, 0.0)
    codec = JpegCodec()
    hurried = codec.repack(source, Effort.FULL, 0.0)
    assert hurried == Encoded(codec.stripped(source), "source", is_lossless=True)
    assert len(hurried.data) <= len(plain)
    unhurried = codec.repack(source, Effort.FULL, 1000)
    assert unhurried is not None
    assert len(unhurried.data) < len(hurried.data)


@pytest.mark.parametrize("sides", [(16, 16), (120, 90), (640, 480)])
@pytest.mark.parametrize("way", ["4:2:0", "progressive", "4:4:4, finest"])
def test_nothing_is_written_that_is_counted_to_take_more_than_is_of_use(
    kernel: NativePacking, sides: tuple[int, int], way: str
) -> None:
    source = jpeg(photo(*sides), **WAYS[way])
    data = repacked(kernel, source)
    for enough in (len(data), len(source) + 1000):
        assert kernel.packed(source, most_bytes=enough) == data
    for most_bytes in (0, 1, len(data) // 2, len(data) - 1):
        with pytest.raises(OverBytesError):
            kernel.packed(source, most_bytes=most_bytes)


def test_what_was_packed_is_packed_to_itself(kernel: NativePacking) -> None:
    once = repacked(kernel, jpeg(photo(320, 240)))
    assert repacked(kernel, once) == once


def test_long_runs_of_ended_blocks_and_corrections(kernel: NativePacking) -> None:
    """More than 32767 blocks with nothing in a band, then some with much."""
    pixels = np.full((1600, 1600, 3), 90, np.uint8)
    pixels[-64:, -64:] = photo(64, 64)
    source = jpeg(pixels, quality=95, subsampling=0)
    assert np.array_equal(shown(repacked(kernel, source)), shown(source))


def test_the_profile_stays_and_other_metadata_goes() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    source = jpeg(photo(), icc_profile=b"a profile", exif=exif, comment=b"a comment")
    done = packed(source)
    assert done is not None
    assert done.is_lossless
    read = Image.open(io.BytesIO(done.data))
    assert read.info["icc_profile"] == b"a profile"
    assert b"description" not in done.data
    assert b"comment" not in done.data


@pytest.mark.parametrize("way", ["4:2:0", "progressive", "restart markers"])
def test_what_is_cut_short_or_changed_is_refused_or_some_picture(kernel: NativePacking, way: str) -> None:
    source = jpeg(photo(120, 90), **WAYS[way])
    for end in range(0, len(source) - 2, 97):
        assert kernel.packed(source[:end] + b"\xff\xd9") is None
        assert kernel.packed(source[:end]) is None
    rng = np.random.default_rng(3)
    for at in rng.integers(2, len(source), 200):
        hurt = bytearray(source)
        hurt[at] ^= 1 << int(rng.integers(8))
        data = kernel.packed(bytes(hurt))
        assert data is None or data.endswith(b"\xff\xd9")


def test_kinds_that_are_not_read_go_to_the_wheel(kernel: NativePacking) -> None:
    source = jpeg(photo(64, 64))
    at = source.index(BASELINE)
    for kind in (0xC3, 0xC9):  # lossless, arithmetic
        assert kernel.packed(source[: at + 1] + bytes([kind]) + source[at + 2 :]) is None
    tailed = source[:-2] + bytes(40) + source[-2:]  # libjpeg passes over bytes before a marker
    assert kernel.packed(tailed) is None
    done = packed(tailed)
    assert done is not None
    assert done.encoder == "mozjpeg lossless"
