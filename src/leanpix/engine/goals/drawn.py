"""Large drawings: whether every pixel kept takes fewer bytes than a lossy encode, seen on strips before either is made.

One of the two may take most of the time there is, so the likelier one comes first.
"""

from __future__ import annotations

import math
from dataclasses import replace

from leanpix.engine.codecs.base import Raster
from leanpix.engine.content import sample_strips
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.outcome import EncoderRuns
from leanpix.engine.malloc_trim import trim_malloc

_BOTH_UP_TO_PIXELS = 16_000_000
"""Both are made, and the smaller one taken."""

_FAR = 1.5
"""By how many times one has to be the smaller on strips for the other not to be made."""

_FAR_OVER = 3.0
"""The same for a size. Strips do not show what repeats from top to bottom: the whole took 0.54 of what they said."""


def is_exact_enough(job: EncodeContext, trials: EncoderRuns, knob: float) -> bool:
    """Whether what keeps every pixel is the result, and no lossy encode at this knob is needed beside it.

    It is made first where strips say that it is smaller. trials.exact_share is what they say.
    """
    raster = _strips(job, trials)
    if raster is None or job.keeps_format_and_dimensions:  # the source's own file is there, and hard to beat
        return False
    strips = trials.of(trials.encoder.on(raster))
    share = trials.exact_share = _exact_bytes(strips) / len(strips.at(knob).data)
    trials.slowest_s = strips.slowest_s * job.raster.total_pixels / raster.total_pixels
    trials.take_in(strips)
    trim_malloc()
    if share > 1:
        return False
    trials.lossless()
    return share * _FAR <= 1 or not trials.may_continue()


def may_exact_win(job: EncodeContext, trials: EncoderRuns, rival_bytes: int) -> bool:
    """Whether what keeps every pixel has a chance against a lossy encode that was made."""
    return (trials.exact_share is None or trials.exact_share < _FAR) and job.repack_can_fit(rival_bytes)


def is_exact_far_over(job: EncodeContext, trials: EncoderRuns, max_bytes: int) -> bool:
    """Whether strips say that what keeps every pixel comes nowhere near so few bytes."""
    raster = _strips(job, trials)
    if raster is None:
        return False
    strips = trials.of(trials.encoder.on(raster))
    likely_bytes = _exact_bytes(strips) * job.raster.total_pixels / raster.total_pixels
    trials.take_in(strips)
    trim_malloc()
    return likely_bytes > _FAR_OVER * max_bytes


def _strips(job: EncodeContext, trials: EncoderRuns) -> Raster | None:
    raster = job.raster
    is_large = raster.frames == 1 and raster.total_pixels > _BOTH_UP_TO_PIXELS
    return replace(raster, pixels=sample_strips(raster.pixels)) if is_large and trials.encoder.is_graphic else None


def _exact_bytes(strips: EncoderRuns) -> float:
    exact = strips.lossless()
    return math.inf if exact is None else len(exact.data)
