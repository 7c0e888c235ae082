"""Lossy WebP at a quality of any fraction, over the library that Pillow carries; None of it where that fails here.

Whether it serves is decided once a process: a small picture is encoded, decoded and compared.
"""

from __future__ import annotations

import functools
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState
from leanpix.engine.codecs.webp.libwebp_native import LossySettings, NativeLibwebp, NativeLibwebpError
from leanpix.engine.codecs.webp.riff import with_alpha, with_icc_profile
from leanpix.engine.libraries.self_tested import self_tested

_GRAY, _GRAY_ALPHA = 1, 2
_MAGIC = slice(8, 12)
_LOSSY_CHUNK = b"VP8 "
_MAX_MEAN_ERROR = 6.0  # of 255; 1.3 was measured


def encode_libwebp(
    pixels: NDArray[np.uint8], settings: LossySettings, icc_profile: bytes | None = None, alpha: bytes | None = None
) -> bytes:
    """Encode (H,W,bands) pixels of 1 to 4 bands. TaskFailure: the encoder gave up, for want of memory or otherwise.

    alpha: an ALPH chunk's payload, where the settings say that libwebp is to encode colour alone. RuntimeError where
    libwebp_backend() does not start with `native`.
    """
    native, reason = _choice()
    if native is None:
        raise RuntimeError(reason)
    colour = _in_colour(pixels)
    try:
        data = native.encode(colour, settings)
    except NativeLibwebpError as error:
        state = TaskState.NO_RESOURCES if error.is_out_of_memory else TaskState.FAILED
        raise TaskFailure(state, f"the WebP encoder failed: {error}") from error
    height, width = pixels.shape[:2]
    if alpha is not None:
        data = with_alpha(data, alpha, width, height)
    return data if icc_profile is None else with_icc_profile(data, icc_profile, width, height)


def modes_bytes(data: bytes) -> int:
    """What the modes of all blocks take in a lossy WebP, by its frame's own header (RFC 6386, section 9.1)."""
    start = data.index(_LOSSY_CHUNK) + 8
    return int.from_bytes(data[start : start + 3], "little") >> 5


def decoded_webp(data: bytes) -> NDArray[np.uint8] | None:
    """The pixels of a still WebP that this package made, held once, where libvips would hold them twice and more.

    None where it is no WebP or libwebp_backend() does not start with `native`.
    """
    native, _ = _choice()
    return native.decode(data) if native is not None and data[_MAGIC] == b"WEBP" else None


def libwebp_backend() -> str:
    """Which path encodes lossy WebP, and why, in words for people: starts with `native` or `libvips`."""
    native, reason = _choice()
    return f"{'libvips' if native is None else 'native'}: {reason}"


def _in_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The format has no gray: its one band is given three times."""
    order = {_GRAY: (0, 0, 0), _GRAY_ALPHA: (0, 0, 0, 1)}.get(pixels.shape[2])
    return np.ascontiguousarray(pixels if order is None else pixels[:, :, order])


@functools.cache
def _choice() -> tuple[NativeLibwebp | None, str]:
    """The native path if it passes its self-test, and the reason either way. Once a process, about 2 ms."""
    works = "Pillow's own library at any fraction of a quality; the self-test passed"
    return self_tested(NativeLibwebp.open, _difference, works, (NativeLibwebpError,))


def _difference(native: NativeLibwebp) -> str | None:
    """What is wrong with the native path, in words; None where nothing is."""
    y, x = np.mgrid[0:45, 0:61]
    bands = (x * 4, y * 5, (x + y) * 2, 255 - x * 2)
    picture = np.ascontiguousarray(np.stack(bands, axis=2) % 256, dtype=np.uint8)
    sizes = [len(native.encode(picture, LossySettings(quality, 4, 90, sharp_chroma=False))) for quality in (30.5, 90.5)]
    if sizes[0] >= sizes[1]:
        return "the quality has no effect"
    for sharp in (False, True):
        for source in (picture, np.ascontiguousarray(picture[:, :, :3])):
            data = native.encode(source, LossySettings(90.5, 4, 90, sharp))
            decoded = np.asarray(Image.open(io.BytesIO(data), formats=("WEBP",)), np.int16)
            if not np.array_equal(native.decode(data), decoded):
                return "what it decodes differs from what Pillow does"
            error = float(np.abs(decoded - source).mean()) if decoded.shape == source.shape else np.inf
            if error > _MAX_MEAN_ERROR:
                return f"{source.shape[2]} bands are off by {error:.1f} on average"
    return None
