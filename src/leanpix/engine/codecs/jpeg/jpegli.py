"""JPEG by jpegli at a continuous distance, over whichever path to the encoder works here.

The native path asks the wheel's own shared object for everything; the wheel path makes do with its Python
interface. Both take and give the same. Which one runs is decided once a process, by jpegli_self_test.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState
from leanpix.engine.codecs.jpeg import jpegli_wheel
from leanpix.engine.codecs.jpeg.icc_segments import check_profile_size, with_icc_profile
from leanpix.engine.codecs.jpeg.jpegli_distance import (
    MAX_DISTANCE,
    MIN_DISTANCE,
    distance_from_quality,
    quality_from_distance,
)
from leanpix.engine.codecs.jpeg.jpegli_native import PLAIN_MEANS, Means, NativeJpegli, NativeJpegliError
from leanpix.engine.codecs.jpeg.jpegli_self_test import self_test
from leanpix.engine.libraries.self_tested import self_tested

__all__ = [
    "MAX_DISTANCE",
    "MAX_SIDE_PX",
    "MIN_DISTANCE",
    "PLAIN_MEANS",
    "Backend",
    "Means",
    "Subsampling",
    "checked_picture",
    "distance_from_quality",
    "encode_jpegli",
    "jpegli_backend",
    "quality_from_distance",
]

Subsampling = Literal["4:2:0", "4:4:4"]
Backend = Literal["auto", "native", "wheel"]

MAX_SIDE_PX = 65500  # the format's own limit is 65535; libjpeg and its descendants stop here


def encode_jpegli(  # noqa: PLR0913 - what an encode takes
    pixels: NDArray[np.uint8],
    *,
    distance: float,
    subsampling: Subsampling,
    icc_profile: bytes | None = None,
    means: Means = PLAIN_MEANS,
    backend: Backend = "auto",
) -> bytes:
    """Encode (H,W,3) sRGB, or gray (H,W) or (H,W,1), pixels as a progressive JPEG.

    distance is Butteraugli's, 0.01 (best) to 25; the wheel path rounds it to an integer quality. C-contiguous
    pixels are read in place, others are copied once. Gray ignores the subsampling. means: the wheel
    path has none. ValueError: pixels, distance,
    profile or backend out of what is allowed here; TaskFailure: the encoder gave up.
    """
    checked = checked_picture(pixels, distance)
    check_profile_size(icc_profile or b"")
    native = _native_for(backend)
    if native is None:
        return _encode_wheel(checked, distance, subsampling, icc_profile)
    try:
        return native.encode(checked, distance, _luma_factor(subsampling), icc_profile, means)
    except NativeJpegliError as error:
        raise TaskFailure(TaskState.FAILED, f"the JPEG encoder failed: {error}") from error


def jpegli_backend() -> str:
    """Which path encodes, and why, in words for people: starts with `native` or `wheel`."""
    native, reason = _choice()
    return f"{'wheel' if native is None else 'native'}: {reason}"


def checked_picture(pixels: NDArray[np.uint8], distance: float, most: float = MAX_DISTANCE) -> NDArray[np.uint8]:
    """The pixels as C-contiguous (H,W,3) or (H,W). ValueError: they or the distance are not what an encode takes."""
    if not MIN_DISTANCE <= distance <= most:  # also refuses NaN
        raise ValueError(f"distance {distance} is not in {MIN_DISTANCE}..{most}")
    gray = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels  # noqa: PLR2004 - H, W, bands
    if pixels.dtype != np.uint8 or not (gray.ndim == 2 or (gray.ndim == 3 and gray.shape[2] == 3)):  # noqa: PLR2004
        raise ValueError(f"pixels are {pixels.dtype}{pixels.shape}, not uint8 (H,W,3), (H,W,1) or (H,W)")
    if not all(1 <= side <= MAX_SIDE_PX for side in gray.shape[:2]):
        raise ValueError(f"a picture of {gray.shape[1]}x{gray.shape[0]} is not in 1..{MAX_SIDE_PX} a side")
    return np.ascontiguousarray(gray)


def _native_for(backend: Backend) -> NativeJpegli | None:
    if backend == "wheel":
        return None
    native, reason = _choice()
    if backend == "native" and native is None:
        raise ValueError(f"the native path to jpegli is not to be had: {reason}")
    return native


def _encode_wheel(
    pixels: NDArray[np.uint8], distance: float, subsampling: Subsampling, icc_profile: bytes | None
) -> bytes:
    quality = max(1, round(quality_from_distance(distance)))
    if pixels.ndim == 3 and subsampling == "4:2:0":  # noqa: PLR2004 - rows, columns, bands: colour
        jpeg = jpegli_wheel.encode_colour_420(pixels, quality)
    else:
        jpeg = jpegli_wheel.encode_full_chroma(pixels, quality)
    return with_icc_profile(jpeg, icc_profile) if icc_profile else jpeg


def _luma_factor(subsampling: Subsampling) -> int:
    return 2 if subsampling == "4:2:0" else 1


@functools.cache
def _choice() -> tuple[NativeJpegli | None, str]:
    """The native path if it passes its self-test, and the reason either way. Once a process, about 10 ms."""
    works = "the wheel's own encoder through the native library; the self-test passed"
    return self_tested(NativeJpegli.open, self_test, works, (NativeJpegliError,))
