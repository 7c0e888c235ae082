"""Fewer pixels where even the lowest quality takes more bytes than there are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyvips

from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.codecs.offers import Kind
from leanpix.engine.codecs.runs import EncoderRuns, rate_of
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Made
from leanpix.engine.goals.fitting import largest_within
from leanpix.engine.malloc_trim import trim_malloc

_TRIED_SCORES = (30.0, 50.0, 65.0, 78.0, 86.0)
"""Typical scores, seen at the smaller size, of the settings that are tried in this order until the score at the
original size falls: a little detail on many pixels first, then more on fewer."""


def shrunk_within(context: EncodeContext, runs: EncoderRuns, max_bytes: int) -> Made | None:
    """The scale with the best score, seen at the original dimensions, among those that meet max_bytes."""
    goal = rate_of(max_bytes, context.raster.total_pixels)
    best: Made | None = None
    for rate in _likely_rates(runs, context.raster.total_pixels):
        if best is not None and not runs.may_continue():
            break
        made = _at_scale(context, runs, math.exp((goal - rate) / 2), max_bytes)
        if best is not None and _score(made) <= _score(best):
            break
        best = made or best
    return best


def _likely_rates(runs: EncoderRuns, pixels: int) -> list[float]:
    """Rates of this picture at settings worth trying: the typical ones, moved by how bias it was so far."""
    encoder, lowest = runs.encoder, min(runs.done)
    bias = runs.rate_at(lowest, pixels) - encoder.rates.value(lowest)
    return [encoder.rates.value(encoder.scores.parameter(score)) + bias for score in _TRIED_SCORES]


def _score(made: Made | None) -> float:
    return -math.inf if made is None or made.score is None else made.score


def _at_scale(context: EncodeContext, runs: EncoderRuns, scale: float, max_bytes: int) -> Made | None:
    encoded, width, height = _encoded_at(context, runs, scale, max_bytes)
    if encoded is None:
        return None
    if context.effort is not Effort.FULL:
        trim_malloc()
    sizes = f"from {context.raster.width_px}x{context.raster.height_px} to {width}x{height}"
    warning = f"downscaled {sizes}: at full size even the lowest quality is over the size asked for"
    score = context.meter.score(encoded)
    return Made(Kind.SMALLER_SIDES, encoded, score, warnings=(warning,), size_px=(width, height))


def _encoded_at(
    context: EncodeContext, runs: EncoderRuns, scale: float, max_bytes: int
) -> tuple[Encoded | None, int, int]:
    """What meets max_bytes, with its width and height; the smaller pixels are let go of before it is scored."""
    raster = scaled(context.raster, min(scale, 1.0))
    smaller = context.open(raster, bits_per_pixel=max_bytes * 8 / raster.total_pixels)
    encoded = largest_within(smaller, raster.total_pixels, max_bytes)
    runs.add_counts(smaller)
    return encoded, raster.width_px, raster.height_px


def scaled(raster: Raster, scale: float) -> Raster:
    """Every frame scaled by the same factor, at least one pixel a side, alpha premultiplied meanwhile."""
    width, height = (max(1, round(side * scale)) for side in (raster.width_px, raster.height_px))
    stacked = raster.image()
    tops = range(0, raster.height_px * raster.frames, raster.height_px)
    frames = [stacked.crop(0, top, raster.width_px, raster.height_px) for top in tops]
    parts = [_pixels(_resized(frame, width, height, has_alpha=raster.has_alpha)) for frame in frames]
    return replace(raster, pixels=np.concatenate(parts) if len(parts) > 1 else parts[0])


def _resized(frame: pyvips.Image, width: int, height: int, *, has_alpha: bool) -> pyvips.Image:
    scale, vertical = width / frame.width, height / frame.height
    if not has_alpha:
        return frame.resize(scale, vscale=vertical)
    return frame.premultiply().resize(scale, vscale=vertical).unpremultiply().cast("uchar")


def _pixels(image: pyvips.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = np.ascontiguousarray(image.numpy())
    return pixels.reshape(image.height, image.width, image.bands)
