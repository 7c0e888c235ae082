"""Large pictures packed strip by strip: streams that follow one another, the same pixels, and in time."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from tests.engine.pictures import image, photo

from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Encoded, Goal, Raster
from leanpix.engine.codecs.png import strips as png_strips
from leanpix.engine.codecs.png.codec import PngCodec
from leanpix.engine.codecs.png.strips import ByKernel, ByLibdeflate, packed
from leanpix.engine.codecs.png.strips_native import NativeStrips, native_strips

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


@pytest.mark.usefixtures("kernel")
def test_an_oxipng_with_other_streams_is_done_without_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert png_strips.strips_backend().startswith("native: ")
    real = png_strips._by_oxipng
    monkeypatch.setattr(png_strips, "_by_oxipng", lambda rows, level: real(bytearray(b"\0") + rows, level))
    png_strips._choice.cache_clear()
    try:
        assert png_strips.tested_strips() is None
        assert png_strips.strips_backend() == (
            "libspng: oxipng's stream of a row is not the row's bytes behind a filter's number of 0"
        )
        encoder = PngCodec().open(Raster(photo(40, 30)), Effort.MINIMAL, Goal())
        assert encoder.lossless().encoder == "libspng 6"
    finally:
        monkeypatch.undo()
        png_strips._choice.cache_clear()


def test_what_is_no_whole_stream_is_refused(kernel: NativeStrips) -> None:
    whole = deflated(contents(5000)[1])
    for broken in (b"", whole[:-1], whole[: len(whole) // 2], b"\x07", b"\xff" * 40):
        with pytest.raises(ValueError, match="no whole"):
            kernel.opened(broken)


@pytest.mark.parametrize("is_smooth", [True, False])
def test_a_stream_of_our_own_can_be_followed_and_is_read_by_zlib(kernel: NativeStrips, *, is_smooth: bool) -> None:
    for length in (*range(90), 16_383, 16_384, 16_385, 16_393, 16_425, 70_000, 200_000):
        for data in contents(length):
            stream = kernel.deflated(data, is_smooth=is_smooth)
            assert zlib.decompress(2 * stream + LAST, -15) == 2 * data
            assert len(stream) <= 1.002 * length + 100


@pytest.mark.parametrize("rare", [40, 24, 1])
def test_codes_longer_than_deflate_has_are_shortened(kernel: NativeStrips, rare: int) -> None:
    counts = [1, 1]
    while sum(counts) < 300_000:
        counts.append(sum(counts[-2:]))  # each code a bit longer than the next
    rng = np.random.default_rng(rare)
    data = rng.permutation(np.repeat(np.arange(len(counts), dtype=np.uint8) * 5 + rare % 5, counts)).tobytes()
    assert zlib.decompress(kernel.deflated(data) + LAST, -15) == data


def bands_of(pixels: NDArray[np.uint8], bands: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.concatenate([pixels, pixels[:, ::-1, :1]], axis=2)[:, :, 4 - bands :])


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_many_strips_are_one_picture_nearly_as_small_as_packed_at_once(
    kernel: NativeStrips, monkeypatch: pytest.MonkeyPatch, bands: int
) -> None:
    pixels = bands_of(photo(640, 480), bands)
    at_once = PngCodec().open(Raster(pixels), Effort.REDUCED, Goal(quality=100)).lossless().data
    monkeypatch.setattr(png_strips, "_STRIP_BYTES", pixels.nbytes // 5)
    profile = bytes(image(pixels).icc_export(output_profile="srgb" if bands > 2 else "sgrey").get("icc-profile-data"))
    made = packed(pixels, profile, ByLibdeflate(kernel, lambda *_: 10))
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


@pytest.fixture(scope="module")
def large_photo() -> NDArray[np.uint8]:
    return photo(1200, 900)


def lossless(pixels: NDArray[np.uint8], left_s: float = 99.0, profile: bytes | None = None) -> Encoded:
    goal = Goal(quality=100, left_s=lambda: left_s)
    return PngCodec().open(Raster(pixels, icc_profile=profile), Effort.FULL, goal).lossless()


@pytest.mark.parametrize("bands", [1, 3])
def test_large_photographs_are_packed_by_our_own_deflate_as_small_as_by_oxipng(
    kernel: NativeStrips, large_photo: NDArray[np.uint8], bands: int
) -> None:
    del kernel
    pixels = np.ascontiguousarray(large_photo[:, :, :bands])
    profile = bytes(image(pixels).icc_export(output_profile="srgb" if bands > 2 else "sgrey").get("icc-profile-data"))
    made = lossless(pixels, profile=profile)
    shown = pyvips.Image.pngload_buffer(made.data, fail_on="warning")
    assert made.encoder == "own deflate"
    assert np.array_equal(shown.numpy().reshape(pixels.shape), pixels)
    assert shown.get("icc-profile-data") == profile
    before = lossless(pixels, left_s=1.9, profile=profile)
    assert before.encoder == "oxipng 1"
    assert len(made.data) <= 1.005 * len(before.data)


def test_smooth_photographs_are_as_small_as_by_oxipng_trying_several_filters(kernel: NativeStrips) -> None:
    del kernel
    dull = pyvips.Image.new_from_array(photo(350, 275)).resize(4, kernel="lanczos3") * 0.4 + 70
    large = np.ascontiguousarray(dull.cast("uchar").numpy())
    made, before = lossless(large), lossless(large, left_s=1.9)
    assert (made.encoder, before.encoder) == ("own deflate", "oxipng 2")
    assert np.array_equal(pyvips.Image.pngload_buffer(made.data).numpy(), large)
    assert len(made.data) <= 1.01 * len(before.data)


def test_what_oxipng_packs_better_is_left_to_it(kernel: NativeStrips, large_photo: NDArray[np.uint8]) -> None:
    del kernel
    opaque = np.concatenate([large_photo, np.full_like(large_photo[:, :, :1], 255)], axis=2)
    gray = np.repeat(large_photo[:, :, :1], 3, axis=2)
    few = large_photo // 64 * 64
    for pixels in (opaque, gray, few, large_photo[:800]):
        made = lossless(np.ascontiguousarray(pixels))
        assert made.encoder.startswith("oxipng")


def test_strips_of_a_picture_tell_what_it_comes_to(kernel: NativeStrips, large_photo: NDArray[np.uint8]) -> None:
    deflater = ByKernel(kernel)
    running = np.repeat(large_photo[:, :75], 16, axis=1)
    for pixels in (large_photo, np.ascontiguousarray(large_photo[:, :, :1]), running):
        whole_bits = 8 * len(packed(pixels, None, deflater)) / pixels.size
        assert deflater.bits_a_sample(pixels) == pytest.approx(whole_bits, rel=0.1)
    assert lossless(running).encoder == "oxipng 2"
