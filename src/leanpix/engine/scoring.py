"""Find the fewest bytes at a score: on a sample first where the picture is large, then on the whole."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.job import Job
from leanpix.engine.judge import Judge, sample_of
from leanpix.engine.outcome import Trials
from leanpix.engine.search import Knob, from_above

_TOLERANCE = 0.5
_CORRECTIONS = 3
_HIGHEST_QUALITY = 100
_SAMPLE_TOLERANCE = 1.0
"""Points above the target at which an encode of the whole picture that was found on a sample is good enough."""

ON_SAMPLE = "the score is that of a sample of the picture"


@dataclass(frozen=True, slots=True)
class Scored:
    """An encode of the whole picture and its score."""

    encoded: Encoded
    score: float
    warnings: tuple[str, ...] = ()


def lowest_at(job: Job, trials: Trials, target: float) -> Scored | None:
    """The smallest lossy encode at the target; None where the encoder does not reach it."""
    sample = sample_of(job.raster)
    if sample is None:
        knob = _search(job.judge, trials, target)
        return None if knob is None else _refined(job, trials, knob, target)
    return _by_sample(job, trials, sample, target)


def _search(judge: Judge, trials: Trials, target: float) -> float | None:
    return from_above(
        lambda knob: judge.score(trials.at(knob)),
        Knob(trials.encoder.scores, trials.snap),
        target,
        tolerance=_TOLERANCE,
        may_continue=trials.may_continue,
    )


def _by_sample(job: Job, trials: Trials, sample: Raster, target: float) -> Scored | None:
    on_sample, judge = Trials(trials.encoder.on(sample), job.budget), Judge(sample)
    knob = _search(judge, on_sample, target)
    trials.tried_elsewhere += on_sample.count
    if knob is None:
        # Where a palette is too small for a part of the picture it is for all of it.
        if trials.encoder.lossless_from <= _HIGHEST_QUALITY:
            return None
        knob = trials.snap(trials.encoder.scores.points[-1][0])
    elif job.judge.is_sampled and not trials.encoder.reads_lean:
        # Several copies of the whole picture would have to be held to look at the result.
        return Scored(trials.at(knob), judge.score(on_sample.at(knob)), (ON_SAMPLE,))
    return _corrected(job, trials, knob, target)


def _corrected(job: Job, trials: Trials, knob: float, target: float) -> Scored | None:
    """Encode the whole picture, and again where the sample promised too much or too little."""
    scores, passing = trials.encoder.scores, dict[float, float]()
    for tried in range(1 + _CORRECTIONS):
        score = job.judge.score(trials.at(knob))
        if score >= target:
            passing[knob] = score
        if 0 <= score - target <= _SAMPLE_TOLERANCE or not trials.may_continue():
            break
        # Steps up grow: on a picture whose score rises slowly the typical step falls short again and again.
        missing = (target - score) * (1 + tried if score < target else 1)
        knob = trials.snap(scores.knob(scores.value(knob) + missing + _TOLERANCE))
        if knob in trials.done:
            break
    if not passing:
        return None
    return _refined(job, trials, min(passing), target)


def _refined(job: Job, trials: Trials, knob: float, target: float) -> Scored:
    """The setting found, or one just below it that the search's grid leaves out."""
    found = Scored(trials.at(knob), job.judge.score(trials.at(knob)))
    for finer in trials.encoder.finer(knob):
        if finer < knob and trials.may_continue():
            rival = Scored(trials.at(finer), job.judge.score(trials.at(finer)))
            if rival.score >= target and len(rival.encoded.data) < len(found.encoded.data):
                return rival
    return found
