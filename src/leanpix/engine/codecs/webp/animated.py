"""Animations as lossy WebP, the rectangle that each frame changes coded as it is; and whether libwebp lost motion.

libwebp leaves out what differs from the frame before by little, up to 15 levels at low qualities. Where much changes
slowly, as in a fade, that adds up: frames are dropped, and the picture stands still (docs/decisions/0352).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.codecs.base import Raster
from leanpix.engine.codecs.webp.riff import animated_file, picture_chunks

_CELL_PX = 16
_WORST_SHARE = 99.0
_FACTOR, _LEVELS = 1.5, 2.0
"""A later frame may be off by so much more than the first, which is coded whole; in levels of a cell's mean."""

_LONGEST_MS = (1 << 24) - 1
_OPAQUE = 255

Samples = NDArray[np.uint8]


def animated_webp(raster: Raster, encode: Callable[[Samples], bytes]) -> bytes:
    """Each frame as the rectangle that differs from the one before. encode: a still WebP of (H, W, bands) pixels."""
    frames = list[tuple[tuple[int, int, int, int], int, bytes]]()
    before: Samples | None = None
    for number, frame in enumerate(np.split(raster.pixels, raster.frames)):
        delay_ms = raster.delays_ms[number] if raster.delays_ms else 0
        box = (0, 0, raster.width_px, raster.height_px) if before is None else _changed(before, frame)
        before = frame
        if box is None and frames[-1][1] + delay_ms <= _LONGEST_MS:
            place, shown_ms, coded = frames[-1]
            frames[-1] = place, shown_ms + delay_ms, coded
            continue
        left, top, right, bottom = box or (0, 0, 2, 2)
        coded = picture_chunks(encode(np.ascontiguousarray(frame[top:bottom, left:right])))
        height, width = frame[top:bottom, left:right].shape[:2]
        frames.append(((left, top, width, height), min(delay_ms, _LONGEST_MS), coded))
    return animated_file(frames, (raster.width_px, raster.height_px), raster.loop, raster.icc_profile)


def _changed(before: Samples, frame: Samples) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of all that differs, from even places on; None where nothing does."""
    differs = (before != frame).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]) & ~1, int(rows[0]) & ~1, int(columns[-1]) + 1, int(rows[-1]) + 1


def has_lost_motion(data: bytes, raster: Raster) -> bool:
    """Whether a later frame is further from its source than the first one, which is coded whole, gives reason for."""
    allowed: float | None = None
    for meant, shown in _pairs(data, raster):
        error = float(np.percentile(np.abs(_cells(meant) - _cells(shown)), _WORST_SHARE))
        if allowed is None:
            allowed = error * _FACTOR + _LEVELS
        elif error > allowed:
            return True
    return False


def _pairs(data: bytes, raster: Raster) -> Iterator[tuple[Samples, Samples]]:
    """Each frame that is meant, and what is shown when it begins; both as RGBA."""
    delays = raster.delays_ms or (0,) * raster.frames
    begins_ms = 0
    with Image.open(io.BytesIO(data), formats=("WEBP",)) as picture:
        number, ends_ms, shown = -1, 0, None
        last = getattr(picture, "n_frames", 1) - 1
        for meant, delay_ms in zip(np.split(raster.pixels, raster.frames), delays, strict=True):
            while number < last and (shown is None or begins_ms >= ends_ms):
                number += 1
                picture.seek(number)
                picture.load()
                ends_ms += picture.info["duration"] or 1
                shown = np.asarray(picture.convert("RGBA"))
            begins_ms += delay_ms or 1
            if shown is not None:
                yield _rgba(meant), shown


def _rgba(pixels: Samples) -> Samples:
    bands = pixels.shape[2]
    colour = np.repeat(pixels[..., :1], 3, axis=2) if bands < 3 else pixels[..., :3]  # noqa: PLR2004 - gray
    alpha = pixels[..., -1:] if bands in {2, 4} else np.full((*pixels.shape[:2], 1), _OPAQUE, np.uint8)
    return np.concatenate([colour, alpha], axis=2)


def _cells(pixels: Samples) -> NDArray[np.float32]:
    """The means of whole cells of colours weighted by their alpha; a picture smaller than a cell is one."""
    weighted = pixels[..., :3].astype(np.float32) * (pixels[..., 3:] / np.float32(_OPAQUE))
    high, wide = (side // _CELL_PX * _CELL_PX for side in weighted.shape[:2])
    if high and wide:
        weighted = weighted[:high, :wide].reshape(high // _CELL_PX, _CELL_PX, wide // _CELL_PX, _CELL_PX, 3)
    means: NDArray[np.float32] = weighted.mean(axis=(1, 3) if high and wide else (0, 1), dtype=np.float32)
    return means
