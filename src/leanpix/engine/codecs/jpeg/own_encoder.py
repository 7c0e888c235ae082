"""JPEGs by the kernels' own encoder, native/jpeg/encode.c (docs/decisions/0251)."""

from __future__ import annotations

import ctypes
import math
from ctypes import POINTER, byref, c_double, c_float, c_int, c_int32, c_size_t, c_uint32, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState
from leanpix.engine.codecs.jpeg.icc_segments import check_profile_size, with_icc_profile
from leanpix.engine.codecs.jpeg.jpegli import MIN_DISTANCE, PLAIN_MEANS, Means, Subsampling, checked_picture
from leanpix.engine.libraries.native import NEWEST_CPU, native_kernels, until_cpu_s

_DONE, _NO_MEMORY, _LATE = 0, 3, 4  # enum jpeg_outcome of native/jpeg/coefficients.h
_COLOUR_AXES, _COLOUR_BANDS = 3, 3
_BEST_QUALITY = 100
_FURTHEST = 100.0


class _Job(ctypes.Structure):
    """struct leanpix_jpeg_job of native/jpeg/encode.h."""

    _fields_ = (
        ("pixels", c_void_p),
        ("width", c_uint32),
        ("height", c_uint32),
        ("bands", c_int32),
        ("is_halved", c_int32),
        ("distance", c_float),
        ("is_even", c_int32),
        ("low_step", c_float),
        ("newest_cpu", c_int32),
        ("quality", c_int32),
        ("until_cpu_s", c_double),
        ("shown", c_void_p),
    )


class OwnEncoder:
    """Gray and RGB, 4:2:0 and 4:4:4, at any distance. Calls release the GIL and share no state."""

    def __init__(self, library: ctypes.CDLL, *, cpu: int = NEWEST_CPU) -> None:
        """cpu: the generation of processors to make use of, for tests; files are the same by all."""
        self._cpu = cpu
        self._encode, self._free = library.leanpix_jpeg_encode, library.leanpix_free
        self._encode.argtypes = [POINTER(_Job), POINTER(c_void_p), POINTER(c_size_t)]
        self._encode.restype = c_int
        self._free.argtypes = [c_void_p]
        self._free.restype = None

    def encode(  # noqa: PLR0913 - what an encode takes
        self,
        pixels: NDArray[np.uint8],
        *,
        distance: float,
        subsampling: Subsampling,
        icc_profile: bytes | None = None,
        means: Means = PLAIN_MEANS,
        most_cpu_s: float = math.inf,
        shown: NDArray[np.uint8] | None = None,
    ) -> bytes:
        """Encode (H,W,3) sRGB, or gray (H,W) or (H,W,1), pixels in the scans that are smallest.

        distance has jpegli's meaning, 0.01 (best) to 100: the same score at the same number up to jpegli's 25. Gray
        ignores the subsampling. shown: of the pixels' shape, gets what a decoder makes of the file, to the bit what
        libjpeg-turbo does (docs/decisions/0316). ValueError: pixels, distance or profile out of what is allowed;
        MemoryError; TimeoutError: it took more than most_cpu_s of this process' time; TaskFailure: the encoder gave up.
        """
        how = (distance, means.is_even, means.low_step, self._cpu, 0, until_cpu_s(most_cpu_s))
        return self._made(checked_picture(pixels, distance, _FURTHEST), subsampling, icc_profile, how, shown)

    def encode_thumbnail(
        self,
        pixels: NDArray[np.uint8],
        *,
        quality: int,
        subsampling: Subsampling,
        icc_profile: bytes | None = None,
        shown: NDArray[np.uint8] | None = None,
    ) -> bytes:
        """Encode such pixels at libjpeg's quality of 1 to 100, in mozjpeg's steps for small pictures.

        As thorough as mozjpeg's, in a third of the time (docs/decisions/0305). shown, ValueError, MemoryError,
        TaskFailure: as of encode.
        """
        if not 1 <= quality <= _BEST_QUALITY:
            raise ValueError(f"quality {quality} is not in 1..{_BEST_QUALITY}")
        how = (MIN_DISTANCE, 0, 0, self._cpu, quality, 0)
        return self._made(checked_picture(pixels, MIN_DISTANCE), subsampling, icc_profile, how, shown)

    def _made(
        self,
        picture: NDArray[np.uint8],
        subsampling: Subsampling,
        icc_profile: bytes | None,
        how: tuple[float, ...],
        shown: NDArray[np.uint8] | None,
    ) -> bytes:
        check_profile_size(icc_profile or b"")
        if shown is not None and (
            shown.size != picture.size or shown.dtype != np.uint8 or not shown.flags.c_contiguous
        ):
            raise ValueError(f"what is shown goes into uint8{picture.shape}, not {shown.dtype}{shown.shape}")
        height, width = picture.shape[:2]
        bands = _COLOUR_BANDS if picture.ndim == _COLOUR_AXES else 1
        is_halved = bands == _COLOUR_BANDS and subsampling == "4:2:0"
        job = _Job(
            picture.ctypes.data, width, height, bands, is_halved, *how, None if shown is None else shown.ctypes.data
        )
        data = self._run(job)
        return with_icc_profile(data, icc_profile) if icc_profile else data

    def _run(self, job: _Job) -> bytes:
        output, size = c_void_p(), c_size_t()
        outcome = self._encode(byref(job), byref(output), byref(size))
        if outcome == _LATE:
            raise TimeoutError("a JPEG's encode took more than the time it had")
        if outcome == _NO_MEMORY:
            raise MemoryError("no memory for a JPEG's coefficients")
        if outcome != _DONE:
            raise TaskFailure(TaskState.FAILED, "the JPEG encoder failed: it says no more")
        try:
            return ctypes.string_at(output, size.value)
        finally:
            self._free(output)


def own_encoder() -> OwnEncoder | None:
    """The encoder; None where the native library was not built or is of another build."""
    return native_kernels(OwnEncoder)
