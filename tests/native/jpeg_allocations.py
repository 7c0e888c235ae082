"""The bridge to jpegli where an allocation is refused, and where a picture is none.

Run by fuzz.py under the sanitizers: only its library counts allocations.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leanpix.engine.codecs.jpeg.jpegli_native import NativeJpegli, NativeJpegliError
from leanpix.engine.libraries.native import load_native

NOT_COUNTED = "the library counts no allocations: `make fuzz-native` builds one that does"
_MOST_CALLS = 40


@pytest.fixture
def library() -> Any:
    found: Any = load_native()
    if found is None or not hasattr(found, "fuzz_refuse"):
        pytest.skip(NOT_COUNTED)
    found.fuzz_refuse.argtypes = [ctypes.c_size_t]
    found.fuzz_calls.restype = ctypes.c_size_t
    found.fuzz_refuse(0)
    yield found
    found.fuzz_refuse(0)


def noise(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def test_each_refused_allocation_is_told_and_the_next_encode_works(library: Any) -> None:
    encoder, pixels = NativeJpegli.open(), noise(400, 600)  # noise: the output's buffer grows several times
    library.fuzz_refuse(0)
    encoder.encode(pixels, 0.5, 1, b"icc" * 1000)
    calls = library.fuzz_calls()
    assert 3 <= calls <= _MOST_CALLS
    for number in range(1, calls + 1):
        library.fuzz_refuse(number)
        with pytest.raises(NativeJpegliError, match="out of memory"):
            encoder.encode(pixels, 0.5, 1, b"icc" * 1000)
    library.fuzz_refuse(0)
    with Image.open(io.BytesIO(encoder.encode(pixels, 0.5, 1, None))) as made:
        assert made.size == (600, 400)
        made.load()


def test_the_table_of_functions_is_given_back_where_there_is_no_memory_for_it(library: Any) -> None:
    library.fuzz_refuse(1)
    with pytest.raises(NativeJpegliError, match="out of memory"):
        NativeJpegli.open()


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (70000, 1, 3)])
@pytest.mark.usefixtures("library")
def test_a_picture_that_is_none_is_a_message(shape: tuple[int, int, int]) -> None:
    with pytest.raises(NativeJpegliError):
        NativeJpegli.open().encode(np.zeros(shape, np.uint8), 1.0, 2, None)


@pytest.mark.parametrize("factor", [0, 3, 5])
@pytest.mark.usefixtures("library")
def test_a_factor_that_is_none_is_a_message_or_a_picture(factor: int) -> None:
    with contextlib.suppress(NativeJpegliError):
        made = NativeJpegli.open().encode(noise(33, 47), 1.0, factor, None)
        with Image.open(io.BytesIO(made)) as picture:
            assert picture.size == (47, 33)
