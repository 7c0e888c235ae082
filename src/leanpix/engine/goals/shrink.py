"""Fewer pixels where even the lowest quality takes more bytes than there are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pyvips

from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.codecs.offers import Kind
from leanpix.engine.codecs.priors import LEAST_GROWTH
from leanpix.engine.codecs.runs import EncoderRuns, rate_of
from leanpix.engine.content.samples import strips_within
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Attempt
from leanpix.engine.goals.fitting import refined, setting_within
from leanpix.engine.judging.meter import QualityMeter
from leanpix.engine.libraries.malloc_trim import trim_malloc

_FEW_PIXELS = (30.0, 50.0, 65.0, 78.0, 86.0)
"""Typical scores, seen at the smaller size, of the settings that are tried in this order until the score at the
original size falls: a little detail on many pixels first, then more on fewer."""

_FROM_THE_MIDDLE = (65.0, 78.0, 86.0), (50.0, 30.0)
"""The same of a picture that was decoded at the sides of the first of these: the way that looks better from the middle,
for its smaller sides are nearly as many pixels (docs/decisions/0248)."""

_COMPARED_AT, _COMPARED_SMALLER_FROM_PIXELS = 0.5, 2_000_000
"""The share of the sides at which scales are compared of pictures of so many pixels: of two the same one is the better
there as at all the pixels (docs/decisions/0327)."""

_STRIP_ROWS, _ON_STRIPS, _STRIPS_ERROR = 32, 1.1, 0.1
"""Rows of the strips whose encode at the lowest quality stands for the whole's, how many times its bytes they say, and
by how much that may be off, in log(bytes) (docs/decisions/0327)."""

_BUSIER_WHEN_SMALLER = 0.15
"""How much more than typical a picture takes the fewer its pixels: log(bits a pixel) for each of log(pixels)."""


def shrunk_within(context: EncodeContext, runs: EncoderRuns, max_bytes: int) -> Attempt | None:
    """The scale with the best score, seen at the dimensions it was decoded at, among those that meet max_bytes."""
    trial = _Trial(context, runs, max_bytes)
    if not context.is_decoded_smaller:
        best = trial.best_of(_FEW_PIXELS)
    else:
        upwards, downwards = _FROM_THE_MIDDLE
        best = trial.best_of(upwards)
        if trial.tried <= len(upwards[:2]):
            best = trial.best_of(downwards, best)
    return None if best is None else best.finished(context, runs, max_bytes, trial.meter)


def leaves_no_whole(context: EncodeContext, runs: EncoderRuns) -> bool:
    """Whether a size is below what the whole picture takes even at the lowest quality, by what fewer pixels take there.

    The picture was decoded at fewer pixels because its header let one expect that.
    """
    max_bytes, probe, raster = context.need.max_bytes, context.picture.probe, context.raster
    if max_bytes is None:
        return False
    lowest = runs.to_grid(runs.encoder.param_for(1))
    growth = math.pow(probe.width_px / raster.width_px, LEAST_GROWTH)
    likely_bytes = _on_strips(runs, lowest, raster) * growth
    if abs(math.log(likely_bytes / max_bytes)) > _STRIPS_ERROR:
        return likely_bytes > max_bytes
    return len(runs.at(lowest).data) * growth > max_bytes


def _on_strips(runs: EncoderRuns, setting: float, raster: Raster) -> float:
    """What the whole picture likely takes, in bytes, by strips of it; the runs remember the rate."""
    sample = replace(raster, pixels=np.concatenate(strips_within(raster.pixels, _STRIP_ROWS)))
    strips = runs.fork(runs.encoder.on(sample))
    rate = runs.seen_rates[setting] = strips.rate_at(setting, sample.total_pixels) - math.log(_ON_STRIPS)
    runs.add_counts(strips)
    return math.exp(rate) * raster.total_pixels / 8


@dataclass(slots=True)
class _Trial:
    """Scales tried one after the other. bias: how much more than typical this picture takes, in log(bits a pixel).

    meter: what they are compared by. last: the scale that was tried last, with how much more than typical it took.
    """

    context: EncodeContext
    runs: EncoderRuns
    max_bytes: int
    tried: int = 0
    bias: float = 0.0
    meter: QualityMeter = field(init=False)
    last: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        raster, known = self.context.raster, self.runs.known_rates(self.context.raster.total_pixels)
        if known:
            lowest = min(known)
            self.bias = known[lowest] - self.runs.encoder.rates.value(lowest)
        is_large = raster.frames == 1 and raster.total_pixels >= _COMPARED_SMALLER_FROM_PIXELS
        is_compared_smaller = is_large and not self.context.meter.is_sampled
        self.meter = QualityMeter(scaled(raster, _COMPARED_AT)) if is_compared_smaller else self.context.meter

    def best_of(self, scores: tuple[float, ...], best: _Scale | None = None) -> _Scale | None:
        """The best of the scales at which these scores are typical, until one looks worse than the one before."""
        encoder = self.runs.encoder
        goal = rate_of(self.max_bytes, self.context.raster.total_pixels)
        for score in scores:
            if best is not None and not self.runs.may_continue():
                break
            self.tried += 1
            rate = encoder.rates.value(encoder.scores.parameter(score)) + self.bias
            made = self._at_scale(min(1.0, math.exp((goal - rate) / 2)))
            if best is not None and (made is None or made.score <= best.score):
                break
            best = made or best
        return best

    def _at_scale(self, scale: float) -> _Scale | None:
        """What meets max_bytes at this scale, without the thorough encoder; None where nothing does."""
        context, max_bytes = self.context, self.max_bytes
        smaller, raster = _opened(context, scale, max_bytes)
        typical, pixels = smaller.encoder.rates, raster.total_pixels
        setting = setting_within(smaller, pixels, max_bytes, typical.biased(self._bias_at(scale)))
        self.runs.add_counts(smaller)
        done, slowest_s = smaller.done, smaller.slowest_s
        del smaller, raster  # the smaller pixels are let go of before it is scored
        if context.effort is not Effort.FULL:
            trim_malloc()
        if setting is None:
            return None
        self.last = scale, rate_of(len(done[setting].data), pixels) - typical.value(setting)
        return _Scale(scale, done, slowest_s, setting, self.meter.score(done[setting]))

    def _bias_at(self, scale: float) -> float:
        """By the scale that was tried last; 0 where none was, for the whole at its lowest quality says less."""
        if self.last is None:
            return 0.0
        before, bias = self.last
        return bias + _BUSIER_WHEN_SMALLER * 2 * math.log(before / scale)


@dataclass(frozen=True, slots=True)
class _Scale:
    """A scale that was tried: what was encoded there by setting, and which of it meets the size.

    Its pixels are made anew where it is the best: meanwhile others are scored, and memory is counted.
    """

    scale: float
    done: dict[float, Encoded]
    slowest_s: float
    setting: float
    score: float

    def finished(self, context: EncodeContext, runs: EncoderRuns, max_bytes: int, meter: QualityMeter) -> Attempt:
        """Its encode, or the thorough encoder's, which of the scales that were tried this one alone is worth."""
        smaller, raster = _opened(context, self.scale, max_bytes)
        smaller.done, smaller.slowest_s = self.done, self.slowest_s
        quick, before = self.done[self.setting], smaller.count
        encoded = refined(smaller, self.setting, raster.total_pixels, max_bytes)
        runs.counted_elsewhere += smaller.count - before
        del smaller
        if context.effort is not Effort.FULL:
            trim_malloc()

        source = context.picture.probe if context.is_decoded_smaller else context.raster
        sizes = f"from {source.width_px}x{source.height_px} to {raster.width_px}x{raster.height_px}"
        warning = f"downscaled {sizes}: at full size even the lowest quality is over the size asked for"
        is_known = encoded is quick and meter is context.meter
        score = self.score if is_known else context.meter.score(encoded)
        size_px = (raster.width_px, raster.height_px)
        return Attempt(Kind.SMALLER_SIDES, encoded, score, warnings=(warning,), size_px=size_px)


def _opened(context: EncodeContext, scale: float, max_bytes: int) -> tuple[EncoderRuns, Raster]:
    raster = scaled(context.raster, min(scale, 1.0))
    return context.open(raster, bits_per_pixel=max_bytes * 8 / raster.total_pixels), raster


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
