"""Large pictures packed strip by strip: streams that follow one another, the same pixels, and in time."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from tests.engine.pictures import image, photo

from leanpix.engine.budget import Effort
from leanpix.engine.codecs import png_strips
from leanpix.engine.codecs.base import Goal, Raster
from leanpix.engine.codecs.png import PngCodec
from leanpix.engine.codecs.png_strips import StripPacker, strips_of
from leanpix.engine.codecs.png_strips_native import NativeStrips, native_strips

LAST = b"\x03\x00"


@pytest.fixture(scope="module")
def kernel() -> NativeStrips:
    found = native_strips()
    if found is None:
        pytest.skip("the native library was not built")
    return found


def deflated(data: bytes, level: int = 9, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    return packer.compress(data) + packer.flush()


def contents(length: int) -> list[bytes]:
    rng = np.random.default_rng(length)
    return [
        rng.integers(0, 256, length, np.uint8).tobytes(),  # stored
        np.cumsum(rng.integers(-2, 3, length)).astype(np.uint8).tobytes(),
        b"a line that comes again" * (length // 23),
        bytes(length),
    ]


@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_an_opened_stream_can_be_followed_wherever_in_a_byte_it_ended(
    kernel: NativeStrips, level: int, strategy: int
) -> None:
    for length in (*range(40), 5000, 200_000):
        for data in contents(length):
            joined = 2 * kernel.opened(deflated(data, level, strategy)) + LAST
            assert zlib.decompress(joined, -15) == 2 * data


def test_what_is_no_whole_stream_is_refused(kernel: NativeStrips) -> None:
    whole = deflated(contents(5000)[1])
    for broken in (b"", whole[:-1], whole[: len(whole) // 2], b"\x07", b"\xff" * 40):
        with pytest.raises(ValueError, match="no whole"):
            kernel.opened(broken)


def bands_of(pixels: NDArray[np.uint8], bands: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.concatenate([pixels, pixels[:, ::-1, :1]], axis=2)[:, :, 4 - bands :])


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_many_strips_are_one_picture_nearly_as_small_as_packed_at_once(
    kernel: NativeStrips, monkeypatch: pytest.MonkeyPatch, bands: int
) -> None:
    pixels = bands_of(photo(640, 480), bands)
    at_once = PngCodec().open(Raster(pixels), Effort.REDUCED, Goal(quality=100)).lossless().data
    monkeypatch.setattr(png_strips, "_STRIP_BYTES", pixels.nbytes // 5)
    rows, width, _ = pixels.shape
    profile = bytes(image(pixels).icc_export(output_profile="srgb" if bands > 2 else "sgrey").get("icc-profile-data"))
    made = StripPacker(kernel, lambda *_: 10).packed(strips_of(pixels), width, rows, profile)
    shown = pyvips.Image.pngload_buffer(made, fail_on="warning")
    assert np.array_equal(shown.numpy().reshape(pixels.shape), pixels)
    assert shown.get("icc-profile-data") == profile
    assert len(made) <= 1.03 * len(at_once)


@pytest.mark.parametrize(
    ("left_s", "encoder"),
    [([99.0], "libdeflate 10"), ([1.9], "libspng 6"), ([99.0, 99.0, 2.0], "libdeflate 7 and 10")],
)
def test_strips_are_packed_as_thoroughly_as_there_is_time(
    kernel: NativeStrips, monkeypatch: pytest.MonkeyPatch, left_s: list[float], encoder: str
) -> None:
    del kernel
    pixels, told = photo(), iter(left_s)
    monkeypatch.setattr(png_strips, "_STRIP_BYTES", pixels.nbytes // 5)
    goal = Goal(quality=100, left_s=lambda: next(told, left_s[-1]))
    made = PngCodec().open(Raster(pixels), Effort.MINIMAL, goal).lossless()
    assert made.encoder == encoder
    assert np.array_equal(pyvips.Image.pngload_buffer(made.data).numpy(), pixels)
