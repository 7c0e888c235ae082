"""What Pillow's readers raise, translated in one place.

They are called by their class, never by `Image.open`: so no other of Pillow's formats is ever tried.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.facts import damaged

_STRIP_ROWS = 256
_ERRORS = (
    OSError, EOFError, SyntaxError, ValueError, IndexError, KeyError, TypeError, struct.error,
    RuntimeError,  # what libavif refuses
)  # fmt: skip


@contextmanager
def pillow_errors(what: str) -> Iterator[None]:
    """Turn what Pillow raises on bytes that it cannot read into a damaged source; what it warns of is metadata."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _ERRORS as error:
        raise damaged(f"the {what} data is damaged or cut short") from error


def pixels_of(opened: Image.Image, mode: str) -> NDArray[np.uint8]:
    """The pixels in a mode of 8-bit samples, converted strip by strip: Pillow's own way holds them three times."""
    opened.load()
    width, height = opened.size
    pixels = np.empty((height, width, len(Image.new(mode, (1, 1)).getbands())), np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        strip = opened.crop((0, top, width, min(top + _STRIP_ROWS, height))).convert(mode)
        pixels[top : top + _STRIP_ROWS] = np.asarray(strip).reshape(strip.height, width, -1)
    return pixels
