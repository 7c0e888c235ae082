"""What is asked of a loader, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.engine.colour.hdr import HighRange
from leanpix.engine.facts import Limits, damaged


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """How a source is to be decoded.

    shrink: the picture is going to be made smaller by at least this factor (1: not at all), so a loader may
    decode fewer pixels as long as enough remain. animated: all frames are wanted, not the first alone. is_mended: the
    source was damaged and has been mended, so a decoder's mere warning counts as pixels that are missing.
    """

    limits: Limits
    shrink: float = 1.0
    animated: bool = False
    is_mended: bool = False


@dataclass(frozen=True, slots=True)
class LazyPixels:
    """Decoded pixels as stored: not upright yet, in any colour space that `colour` knows.

    An animation has its frames stacked, page_height_px each. profile: the ICC profile the pixels are in, None
    for what the image's interpretation says. high_range: what PQ or HLG the pixels are in, if they are. held: the
    image's very pixels where they are in memory, decoded.
    """

    image: pyvips.Image
    profile: bytes | None = None
    frames: int = 1
    delays_ms: tuple[int, ...] = ()
    loop: int = 0
    warnings: tuple[str, ...] = ()
    held: NDArray[np.uint8] | None = None
    high_range: HighRange | None = None


def from_array(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> pyvips.Image:
    """An image over an array of (H, W) or (H, W, bands) without a copy of it."""
    height, width = pixels.shape[:2]
    bands = pixels.shape[2] if pixels.ndim > 2 else 1  # noqa: PLR2004 - the third axis is the bands
    form = "uchar" if pixels.dtype == np.uint8 else "float"
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).data, width, height, bands, form)
    return image.copy(interpretation="b-w" if bands <= 2 else "srgb")  # noqa: PLR2004 - gray, with or without alpha


def check_told(size: tuple[int, int], told: tuple[int, int], what: str) -> None:
    """Raise TaskFailure where a decoder has another width or height than the header reader has told: before pixels."""
    if size != told:
        raise damaged(f"the {what}'s header and its pixels disagree")
