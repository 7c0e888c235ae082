"""Whether the native path to jpegli does here what the public one does: a small picture, decoded and compared."""

from __future__ import annotations

import io

import numpy as np
import pyjpegli
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.codecs.jpeg.jpegli_distance import distance_from_quality
from leanpix.engine.codecs.jpeg.jpegli_native import NativeJpegli

_QUALITY = 80
_PROFILE = bytes(range(256)) * 300  # two segments; no decoder used here reads inside
_MAX_MEAN_ERROR = 5.0  # of 255; 0.3 (gray) to 1.9 (4:4:4, 4:2:0) were measured


def self_test(native: NativeJpegli) -> str | None:
    """What is wrong with the native path, in words; None where nothing is. NativeJpegliError: it failed."""
    picture = _picture()
    distance = distance_from_quality(_QUALITY)
    colour = native.encode(picture, distance, 2, _PROFILE)
    return (
        _public_difference(colour, picture)
        or (None if _decoded(colour).info.get("icc_profile") == _PROFILE else "the ICC profile was not kept")
        or _error(colour, picture, "4:2:0")
        or _error(native.encode(picture, distance, 1, None), picture, "4:4:4")
        or _error(native.encode(_gray(picture), distance, 1, None), _gray(picture), "gray")
    )


def _public_difference(colour: bytes, picture: NDArray[np.uint8]) -> str | None:
    """The public path quantises by the same tables, so that every pixel has to be equal."""
    height, width, _ = picture.shape
    public = pyjpegli.encode(picture, width, height, quality=_QUALITY)
    same = np.array_equal(np.asarray(_decoded(colour)), np.asarray(_decoded(public)))
    return None if same else "pixels differ from the public path's"


def _error(jpeg: bytes, source: NDArray[np.uint8], name: str) -> str | None:
    decoded = np.asarray(_decoded(jpeg))
    if decoded.shape != source.shape:
        return f"{name} decodes to {decoded.shape}, not {source.shape}"
    error = float(np.abs(decoded.astype(np.int16) - source).mean())
    return None if error <= _MAX_MEAN_ERROR else f"{name} is off by {error:.1f} on average"


def _decoded(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg), formats=("JPEG",))


def _gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(picture[:, :, 1])


def _picture() -> NDArray[np.uint8]:
    """A small colour picture, smooth and with edges, of sides that are no multiple of 16."""
    y, x = np.mgrid[0:45, 0:61]
    bands = (x * 4, y * 5, (x + y) * 2 + 60 * ((x // 8 + y // 8) % 2))
    return np.ascontiguousarray(np.stack(bands, axis=2) % 256, dtype=np.uint8)
