"""The two paths to jpegli: what they write, what they refuse, and that one stands in for the other."""

from __future__ import annotations

import ctypes
import importlib.util
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from leanpix.engine.codecs.jpeg.icc_segments import with_icc_profile
from leanpix.engine.codecs.jpeg.jpegli import (
    MAX_DISTANCE,
    MIN_DISTANCE,
    Backend,
    Subsampling,
    distance_from_quality,
    encode_jpegli,
    jpegli_backend,
    quality_from_distance,
)
from leanpix.engine.codecs.jpeg.jpegli_native import NativeJpegli, NativeJpegliError
from leanpix.engine.libraries.native import load_native

Pixels = NDArray[np.uint8]

BACKENDS = [
    pytest.param("native", marks=pytest.mark.skipif(load_native() is None, reason="built without a C compiler")),
    "wheel",
]
both_backends = pytest.mark.parametrize("backend", BACKENDS)
needs_native = pytest.mark.skipif(load_native() is None, reason="built without a C compiler")


def smooth(height: int, width: int) -> Pixels:
    y, x = np.mgrid[0:height, 0:width]
    bands = (127 + 120 * np.sin(x / 17), 127 + 120 * np.cos(y / 13), (x + y) * 255 / (height + width))
    return np.stack(bands, axis=2).astype(np.uint8)


def decoded(jpeg: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def sampling(jpeg: bytes) -> int:
    return JpegImagePlugin.get_sampling(Image.open(io.BytesIO(jpeg)))


@both_backends
@pytest.mark.parametrize(("subsampling", "number"), [("4:2:0", 2), ("4:4:4", 0)])
def test_colour_is_progressive_close_to_the_source_and_subsampled_as_asked(
    backend: Backend, subsampling: Subsampling, number: int
) -> None:
    source = smooth(75, 101)
    jpeg = encode_jpegli(source, distance=1.0, subsampling=subsampling, backend=backend)
    image = Image.open(io.BytesIO(jpeg))
    assert image.info.get("progressive") == 1
    assert sampling(jpeg) == number
    assert np.abs(decoded(jpeg).astype(int) - source).mean() < 3


@both_backends
@pytest.mark.parametrize("shape", [(40, 57), (40, 57, 1)])
def test_gray_is_written_as_gray(backend: Backend, shape: tuple[int, ...]) -> None:
    source = np.ascontiguousarray(smooth(40, 57)[:, :, 0]).reshape(shape)
    jpeg = encode_jpegli(source, distance=1.0, subsampling="4:2:0", backend=backend)
    assert decoded(jpeg).shape == (40, 57)
    assert np.abs(decoded(jpeg).astype(int) - source.reshape(40, 57)).mean() < 2


@both_backends
@pytest.mark.parametrize("size", [100, 65519, 65520, 200_000])
def test_a_profile_comes_back_byte_for_byte_at_every_number_of_segments(backend: Backend, size: int) -> None:
    profile = bytes(i * 7 % 251 for i in range(size))
    jpeg = encode_jpegli(smooth(16, 16), distance=2.0, subsampling="4:2:0", icc_profile=profile, backend=backend)
    assert Image.open(io.BytesIO(jpeg)).info["icc_profile"] == profile
    assert pyvips.Image.new_from_buffer(jpeg, "").get("icc-profile-data") == profile


@both_backends
def test_a_larger_distance_writes_fewer_bytes(backend: Backend) -> None:
    source = smooth(200, 300)
    sizes = [len(encode_jpegli(source, distance=d, subsampling="4:2:0", backend=backend)) for d in (0.3, 1, 3, 9)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4


@needs_native
@pytest.mark.parametrize("quality", [10, 50, 80, 95, 100])
def test_both_paths_quantise_alike_at_integer_qualities(quality: int) -> None:
    source = smooth(75, 101)
    distance = distance_from_quality(quality)
    native, wheel = (
        decoded(encode_jpegli(source, distance=distance, subsampling="4:2:0", backend=backend))
        for backend in ("native", "wheel")
    )
    assert np.array_equal(native, wheel)


@needs_native
def test_the_native_path_has_steps_between_the_integer_qualities() -> None:
    rng = np.random.default_rng(1)
    source = rng.integers(0, 256, (160, 160, 3), np.uint8)
    steps = [distance_from_quality(80 + i / 5) for i in range(6)]
    sizes = [len(encode_jpegli(source, distance=d, subsampling="4:2:0", backend="native")) for d in steps]
    assert len(set(sizes)) == len(sizes)


@both_backends
@pytest.mark.parametrize(
    "source", [smooth(64, 64)[:, ::-1], smooth(64, 64)[::2, ::2], np.asfortranarray(smooth(64, 64))]
)
def test_pixels_that_are_not_contiguous_are_read_right(backend: Backend, source: Pixels) -> None:
    jpeg = encode_jpegli(source, distance=0.5, subsampling="4:4:4", backend=backend)
    assert np.abs(decoded(jpeg).astype(int) - source).mean() < 3


@both_backends
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 200, 3), (200, 1, 3), (7, 9, 3), (17, 33, 3), (1, 1)])
def test_every_small_size_decodes_to_its_own_size(backend: Backend, shape: tuple[int, ...]) -> None:
    source = np.full(shape, 90, np.uint8)
    jpeg = encode_jpegli(source, distance=1.0, subsampling="4:2:0", backend=backend)
    assert decoded(jpeg).shape == shape
    assert np.abs(decoded(jpeg).astype(int) - 90).max() <= 3


@both_backends
@pytest.mark.parametrize(
    ("pixels", "distance", "what"),
    [
        (np.zeros((0, 5, 3), np.uint8), 1.0, "picture"),
        (np.zeros((5, 0), np.uint8), 1.0, "picture"),
        (np.broadcast_to(np.uint8(0), (65501, 1)), 1.0, "picture"),
        (np.broadcast_to(np.uint8(0), (1 << 24, 1 << 24, 3)), 1.0, "picture"),
        (np.zeros((5, 5, 4), np.uint8), 1.0, "pixels"),
        (np.zeros((5,), np.uint8), 1.0, "pixels"),
        (np.zeros((5, 5, 3), np.float32), 1.0, "pixels"),
        (smooth(5, 5), float("nan"), "distance"),
        (smooth(5, 5), 0.0, "distance"),
        (smooth(5, 5), 25.1, "distance"),
    ],
)
def test_what_cannot_be_encoded_is_refused_before_the_encoder_sees_it(
    backend: Backend, pixels: Pixels, distance: float, what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        encode_jpegli(pixels, distance=distance, subsampling="4:2:0", backend=backend)


@needs_native
@pytest.mark.parametrize(
    ("shape", "text"),
    [((0, 8, 3), "Empty"), ((8, 0), "Empty"), ((1, 70_000, 3), "too big"), ((70_000, 1), "too big")],
)
def test_the_encoders_own_refusal_arrives_as_its_message(shape: tuple[int, ...], text: str) -> None:
    native = NativeJpegli.open()  # below encode_jpegli, whose checks would stop these sizes
    for _ in range(50):  # what leaks or corrupts shows when it is repeated
        with pytest.raises(NativeJpegliError, match=text):
            native.encode(np.zeros(shape, np.uint8), 1.0, 2, None)
    assert decoded(native.encode(smooth(9, 9), 1.0, 2, None)).shape == (9, 9, 3)


@needs_native
def test_a_profile_that_is_too_large_is_an_error_of_both_paths() -> None:
    profile = bytes(17_000_000)
    with pytest.raises(ValueError, match="255"):
        encode_jpegli(smooth(8, 8), distance=1.0, subsampling="4:2:0", icc_profile=profile, backend="wheel")
    with pytest.raises(ValueError, match="255"):
        encode_jpegli(smooth(8, 8), distance=1.0, subsampling="4:2:0", icc_profile=profile, backend="native")


@needs_native
@pytest.mark.parametrize("path", ["/nonexistent/library.so", __file__])
def test_a_library_that_does_not_load_is_an_error_with_its_name(path: str) -> None:
    library = load_native()
    assert library is not None
    with pytest.raises(NativeJpegliError, match=Path(path).name):
        NativeJpegli(library, path)


@needs_native
def test_a_library_without_the_encoder_is_an_error_that_names_the_symbol() -> None:
    library = load_native()
    assert library is not None
    found = importlib.util.find_spec("mozjpeg_lossless_optimization._mozjpeg_opti")
    assert found is not None
    assert found.origin is not None
    with pytest.raises(NativeJpegliError, match="jpegli_"):
        NativeJpegli(library, found.origin)


@needs_native
def test_threads_encode_side_by_side_with_the_same_result() -> None:
    source = smooth(300, 400)

    def encode(_: int) -> bytes:
        return encode_jpegli(source, distance=1.0, subsampling="4:2:0", backend="native")

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(encode, range(12)))) == 1


def test_the_backend_says_which_path_runs_and_why() -> None:
    path, _, reason = jpegli_backend().partition(": ")
    assert path == ("wheel" if load_native() is None else "native")
    assert reason


@pytest.mark.parametrize("quality", range(101))
def test_the_distance_of_an_integer_quality_is_jpeglis_own(quality: int) -> None:
    found = importlib.util.find_spec("pyjpegli")
    assert found is not None
    assert found.origin is not None
    own: Callable[[int], float] = ctypes.CDLL(found.origin).jpegli_quality_to_distance
    own.restype = ctypes.c_float  # type: ignore[attr-defined]  # a ctypes function, which Callable does not tell
    assert distance_from_quality(quality) == pytest.approx(own(quality), rel=1e-5)


@given(st.floats(MIN_DISTANCE, MAX_DISTANCE))
def test_quality_and_distance_are_inverse(distance: float) -> None:
    assert distance_from_quality(quality_from_distance(distance)) == pytest.approx(distance, abs=1e-9)


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_higher_quality_is_never_a_larger_distance(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert distance_from_quality(low) >= distance_from_quality(high)


@settings(max_examples=30)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    distance=st.floats(MIN_DISTANCE, MAX_DISTANCE),
    seed=st.integers(0, 1000),
)
def test_noise_of_any_size_and_distance_is_readable(shape: tuple[int, int], distance: float, seed: int) -> None:
    source = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    assert decoded(encode_jpegli(source, distance=distance, subsampling="4:2:0")).shape == source.shape


def test_a_profile_is_not_put_into_what_is_no_jpeg() -> None:
    with pytest.raises(ValueError, match="start-of-image"):
        with_icc_profile(b"\x89PNG", b"profile")
