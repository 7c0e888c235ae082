"""The three ways to a result: a quality, a largest size, or the fewest bytes at a score."""

from __future__ import annotations

import math

from leanpix.domain.errors import TaskFailure
from leanpix.domain.request import KBYTE
from leanpix.domain.states import TaskState
from leanpix.engine.codecs.base import Encoded
from leanpix.engine.job import Job
from leanpix.engine.outcome import Outcome, Trials
from leanpix.engine.search import approach

_SIZE_TOLERANCE = 0.01
_NO_LIMIT = 1 << 62


def by_quality(job: Job, trials: Trials, quality: float) -> Outcome:
    """The smallest of what meets a quality: an encode at it, the source's own pixels repacked, a lossless one."""
    own = job.racing_file()
    if quality >= trials.encoder.lossless_from:
        exact = own or trials.lossless(_NO_LIMIT)
        if exact is not None:
            return _outcome(job, exact)
    encoded = trials.at_quality(quality if own else job.highest_quality(quality))
    rivals = [own, trials.lossless(len(encoded.data))]
    return _outcome(job, _smallest([encoded, *rivals]))


def by_size(job: Job, trials: Trials, max_bytes: int) -> Outcome:
    """The best that fits max_bytes: every pixel kept where that fits, else the largest encode that does."""
    exact = job.racing_file()
    if exact is None or len(exact.data) > max_bytes:
        exact = trials.lossless(max_bytes)
    if exact is not None and len(exact.data) <= max_bytes:
        return _outcome(job, exact)
    fitting = largest_within(job, trials, max_bytes)
    if fitting is None:
        raise TaskFailure(
            TaskState.NOT_MEETING_REQUIREMENTS,
            f"Even the lowest quality at these dimensions takes more than {max_bytes / KBYTE:g} KB: "
            "ask for a larger size, or for a smaller width or height.",
        )
    return _outcome(job, fitting)


def largest_within(job: Job, trials: Trials, max_bytes: int) -> Encoded | None:
    """The encode that uses max_bytes best without exceeding it; None where even the lowest knob does."""
    limit = math.log(max_bytes)
    knob = approach(
        lambda knob: math.log(len(trials.at(knob).data)) - limit,
        trials.encoder.axis,
        tolerance=_SIZE_TOLERANCE,
        may_continue=lambda: job.budget.left_s() > 0,
    )
    return None if knob is None else trials.at(knob)


def _smallest(candidates: list[Encoded | None]) -> Encoded:
    """The fewest bytes; the earlier of two equals, so the order is the order of preference."""
    return min((c for c in candidates if c is not None), key=lambda c: len(c.data))


def _outcome(job: Job, encoded: Encoded) -> Outcome:
    return Outcome(encoded, job.raster.width_px, job.raster.height_px)
