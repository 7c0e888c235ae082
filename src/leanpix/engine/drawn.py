"""Large drawings: whether every pixel kept takes fewer bytes than a lossy encode, seen on strips before either is made.

One of the two may take most of the time there is, so the likelier one comes first.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Raster
from leanpix.engine.freed_memory import give_back
from leanpix.engine.job import Job
from leanpix.engine.outcome import Trials

_BOTH_UP_TO_PIXELS = 16_000_000
"""Both are made, and the smaller one taken."""

_STRIP_ROWS, _STRIPS_PIXELS = 32, 1_500_000
_SPREAD = 0.618034
"""Of a strip within its part of the picture, from strip to strip: rows of windows repeat, and so must no distance."""

_FAR = 1.5
"""By how many times one has to be the smaller on strips for the other not to be made."""


def is_exact_enough(job: Job, trials: Trials, knob: float) -> bool:
    """Whether what keeps every pixel is the result, and no lossy encode at this knob is needed beside it.

    It is made first where strips say that it is smaller. trials.exact_share is what they say.
    """
    raster = _strips(job, trials)
    if raster is None or job.keeps_format_and_dimensions:  # the source's own file is there, and hard to beat
        return False
    strips = trials.of(trials.encoder.on(raster))
    share = trials.exact_share = _exact_bytes(strips) / len(strips.at(knob).data)
    trials.take_in(strips)
    give_back()
    if share > 1:
        return False
    trials.lossless()
    has_time = job.effort is not Effort.MINIMAL and trials.may_continue()
    return share * _FAR <= 1 or not has_time


def may_exact_win(job: Job, trials: Trials, rival_bytes: int) -> bool:
    """Whether what keeps every pixel has a chance against a lossy encode that was made."""
    return job.repack_can_fit(rival_bytes) if trials.exact_share is None else trials.exact_share < _FAR


def is_exact_far_over(job: Job, trials: Trials, max_bytes: int) -> bool:
    """Whether strips say that what keeps every pixel comes nowhere near so few bytes."""
    raster = _strips(job, trials)
    if raster is None:
        return False
    strips = trials.of(trials.encoder.on(raster))
    likely_bytes = _exact_bytes(strips) * job.raster.total_pixels / raster.total_pixels
    trials.take_in(strips)
    give_back()
    return likely_bytes > _FAR * max_bytes


def _strips(job: Job, trials: Trials) -> Raster | None:
    raster = job.raster
    is_large = raster.frames == 1 and raster.total_pixels > _BOTH_UP_TO_PIXELS
    return strips_of(raster) if is_large and trials.encoder.is_graphic else None


def _exact_bytes(strips: Trials) -> float:
    exact = strips.lossless()
    return math.inf if exact is None else len(exact.data)


def strips_of(raster: Raster) -> Raster:
    """Strips of a large still picture's rows below each other, one somewhere in each of its equal parts.

    Whole rows, for what repeats in a drawing is beside itself; tiles showed a lossless encoder a quarter of it.
    """
    count = max(1, round(_STRIPS_PIXELS / _STRIP_ROWS / raster.width_px))
    places = (np.arange(count) + (0.5 + _SPREAD * np.arange(count)) % 1) / count
    tops = (places * (raster.height_px - _STRIP_ROWS)).astype(int).tolist()
    return replace(raster, pixels=np.concatenate([raster.pixels[top : top + _STRIP_ROWS] for top in tops]))
