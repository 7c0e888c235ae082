"""jpegli through the functions that the pyjpegli wheel's shared object exports (native/jpegli.c)."""

from __future__ import annotations

import ctypes
import importlib.util
from ctypes import POINTER, byref, c_char_p, c_float, c_int32, c_size_t, c_uint32, c_void_p
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.libraries.native import load_native

_MESSAGE_BYTES = 200
_PROGRESSIVE_LEVEL = 2


class NativeJpegliError(Exception):
    """The native path cannot be used, or refused this picture; the text is the library's own."""


class _Job(ctypes.Structure):
    """struct leanpix_jpegli_job of native/jpegli.c."""

    _fields_ = (
        ("pixels", c_void_p),
        ("icc", c_char_p),
        ("icc_bytes", c_size_t),
        ("width", c_uint32),
        ("height", c_uint32),
        ("bands", c_int32),
        ("h_factor", c_int32),
        ("v_factor", c_int32),
        ("progressive_level", c_int32),
        ("distance", c_float),
        ("is_even", c_int32),
        ("low_step", c_float),
    )


@dataclass(frozen=True, slots=True)
class Means:
    """Means against damage at a place that a finer distance would lessen for more bytes.

    low_step: how coarse the steps of the lowest frequencies may be, in the table's own units (8: one level of a block's
    mean in luma); 0: as the distance has them. is_even: busy blocks are quantised as finely as others, for lines of a
    pixel on white are busy.
    """

    low_step: float = 0.0
    is_even: bool = False


PLAIN_MEANS = Means()


class NativeJpegli:
    """The opened encoder: a float distance, gray and RGB, any subsampling, progressive, ICC.

    Calls release the GIL and share no state, so threads may encode side by side.
    """

    def __init__(self, library: ctypes.CDLL, path: str) -> None:
        self._library = library
        _declare(library)
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        self._api = library.leanpix_jpegli_open(path.encode(), message)
        if not self._api:
            raise NativeJpegliError(message.value.decode(errors="replace"))

    @classmethod
    def open(cls) -> Self:
        """Open the encoder of the installed wheel. NativeJpegliError says what is missing."""
        library = load_native()
        if library is None:
            raise NativeJpegliError("the native library is not there")
        found = importlib.util.find_spec("pyjpegli")
        if found is None or found.origin is None:
            raise NativeJpegliError("the pyjpegli wheel is not there")
        return cls(library, found.origin)

    def encode(
        self,
        pixels: NDArray[np.uint8],
        distance: float,
        luma_factor: int,
        icc_profile: bytes | None,
        means: Means | None = None,
    ) -> bytes:
        """Encode C-contiguous (H,W,3) or (H,W) pixels; luma_factor 2 is 4:2:0, 1 is 4:4:4."""
        height, width = pixels.shape[:2]
        icc, means = icc_profile or b"", means or Means()
        bands = 3 if pixels.ndim == 3 else 1  # noqa: PLR2004 - three axes: rows, columns, bands
        job = _Job(
            *(pixels.ctypes.data, icc, len(icc), width, height, bands),
            *(luma_factor, luma_factor, _PROGRESSIVE_LEVEL, distance, means.is_even, means.low_step),
        )
        return self._run(job)

    def _run(self, job: _Job) -> bytes:
        output, size = c_void_p(), c_size_t()
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        failed = self._library.leanpix_jpegli_encode(self._api, byref(job), byref(output), byref(size), message)
        if failed:
            raise NativeJpegliError(message.value.decode(errors="replace"))
        try:
            return ctypes.string_at(output, size.value)
        finally:
            self._library.leanpix_free(output)


def _declare(library: ctypes.CDLL) -> None:
    """Tell ctypes the types: its default would cut pointers to 32 bits."""
    library.leanpix_jpegli_open.argtypes = [c_char_p, c_char_p]
    library.leanpix_jpegli_open.restype = c_void_p
    library.leanpix_jpegli_encode.argtypes = [
        *(c_void_p, POINTER(_Job), POINTER(c_void_p)),
        *(POINTER(c_size_t), c_char_p),
    ]
    library.leanpix_jpegli_encode.restype = ctypes.c_int
    library.leanpix_free.argtypes = [c_void_p]
    library.leanpix_free.restype = None
