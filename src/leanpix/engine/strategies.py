"""The three ways to a result: a quality, a largest size, or the fewest bytes at a score."""

from __future__ import annotations

from leanpix.domain.errors import TaskFailure
from leanpix.domain.request import KBYTE
from leanpix.domain.states import TaskState
from leanpix.engine.codecs.base import Encoded
from leanpix.engine.fitting import largest_within
from leanpix.engine.job import Job
from leanpix.engine.outcome import Outcome, Trials
from leanpix.engine.search import Knob, from_above
from leanpix.engine.shrink import shrunk_within

_SCORE_TOLERANCE = 0.5
_CORRECTIONS = 2
_SAMPLE_TOLERANCE = 1.5


def by_quality(job: Job, trials: Trials, quality: float) -> Outcome:
    """The smallest of what meets a quality: an encode at it, the source's own pixels repacked, a lossless one."""
    encoder = trials.encoder
    if quality >= encoder.lossless_from:
        return _outcome(job, _required(job.racing_file() or trials.lossless()))
    own_counts = job.racing_file() is not None if job.picture.probe.quality else False
    knob = encoder.knob_for(quality if own_counts else job.highest_quality(quality))
    encoded = trials.at(trials.snap(knob))
    least = encoder.least_score(quality)
    score = None if least is None else job.judge.score(encoded)
    passes = least is None or score is None or score >= least
    best = _smallest([encoded if passes else None, *_exact(job, trials, encoded if passes else None)])
    return _outcome(job, best, score if best is encoded else None)


def _exact(job: Job, trials: Trials, rival: Encoded | None) -> list[Encoded | None]:
    """What keeps every pixel and may beat a rival; without a rival there has to be something."""
    if rival is not None and not job.repack_can_fit(len(rival.data)):
        return []
    own = job.racing_file()
    tries_lossless = own is None and (rival is None or trials.encoder.is_graphic)
    tries_lossless = tries_lossless or (trials.encoder.is_graphic and not job.keeps_format_and_dimensions)
    return [own, trials.lossless() if tries_lossless else None]


def by_size(job: Job, trials: Trials, max_bytes: int) -> Outcome:
    """The best that fits max_bytes: every pixel kept where that fits, else the largest encode that does.

    Where even quality 1 is too large the dimensions shrink, unless they were asked for: then lower settings than
    quality 1 are tried, and TaskFailure(NOT_MEETING_REQUIREMENTS) says that it cannot be done.
    """
    exact = _fitting_exact(job, trials, max_bytes)
    if exact is not None:
        return _outcome(job, exact)
    rates = trials.encoder.rates
    shrinks = not job.options.changes_dimensions
    if shrinks:
        rates = rates.start_at(trials.snap(trials.encoder.knob_for(1)))
    fitting = largest_within(trials, job.raster.total_pixels, max_bytes, rates)
    if fitting is not None:
        return _outcome(job, fitting)
    shrunk = shrunk_within(job, trials, max_bytes) if shrinks else None
    if shrunk is None:
        raise TaskFailure(
            TaskState.NOT_MEETING_REQUIREMENTS,
            f"Even the lowest quality at these dimensions takes more than {max_bytes / KBYTE:g} KB: "
            "ask for a larger size, or for a smaller width or height.",
        )
    return shrunk


def _fitting_exact(job: Job, trials: Trials, max_bytes: int) -> Encoded | None:
    if job.repack_can_fit(max_bytes):
        own = job.racing_file()
        if own is not None and len(own.data) <= max_bytes:
            return own
    exact = trials.lossless() if trials.encoder.is_graphic else None
    return exact if exact is not None and len(exact.data) <= max_bytes else None


def by_score(job: Job, trials: Trials, target: float) -> Outcome:
    """The fewest bytes whose score is at least the target; every pixel kept where nothing else reaches it."""
    found = _lowest_at(job, trials, target)
    encoded, score = found if found is not None else (None, None)
    exact = _exact(job, trials, encoded)
    if encoded is None and all(candidate is None for candidate in exact):
        return _best_effort(job, trials, target)
    best = _smallest([encoded, *exact])
    return _outcome(job, best, score if best is encoded else 100.0)


def _lowest_at(job: Job, trials: Trials, target: float) -> tuple[Encoded, float] | None:
    """The smallest lossy encode at the target, with its score.

    Settings are tried on a sample of a large picture; the whole is encoded with what was found and corrected
    where the sample promised too much.
    """
    scores, on_sample = trials.encoder.scores, job.sample_trials(trials)
    measure = job.judge.score_of_sample if on_sample is not trials else job.judge.score
    knob = from_above(
        lambda knob: measure(on_sample.at(knob)),
        Knob(scores, trials.snap),
        target,
        tolerance=_SCORE_TOLERANCE,
        may_continue=on_sample.may_continue,
    )
    return None if knob is None else _corrected(job, trials, knob, target)


def _corrected(job: Job, trials: Trials, knob: float, target: float) -> tuple[Encoded, float] | None:
    """Encode the whole picture, and again where the sample promised too much or too little."""
    scores, passing = trials.encoder.scores, dict[float, float]()
    for _ in range(1 + _CORRECTIONS):
        score = job.judge.score(trials.at(knob))
        if score >= target:
            passing[knob] = score
        off = score - target
        if 0 <= off <= _SAMPLE_TOLERANCE or not trials.may_continue():
            break
        knob = trials.snap(scores.knob(scores.value(knob) - off + _SCORE_TOLERANCE))
        if knob in trials.done:
            break
    if not passing:
        return None
    lowest = min(passing)
    return _refined(job, trials, lowest, target) or (trials.at(lowest), passing[lowest])


def _refined(job: Job, trials: Trials, knob: float, target: float) -> tuple[Encoded, float] | None:
    for finer in trials.encoder.finer(knob):
        if finer < knob and trials.may_continue():
            encoded = trials.at(finer)
            score = job.judge.score(encoded)
            if score >= target and len(encoded.data) < len(trials.at(knob).data):
                return encoded, score
    return None


def _best_effort(job: Job, trials: Trials, target: float) -> Outcome:
    """A format without a lossless mode at the end of its range: nearest to the target that it can come."""
    best = trials.at(trials.snap(trials.encoder.scores.points[-1][0]))
    score = job.judge.score(best)
    warning = f"the score {target:g} is out of this format's reach for this picture: {score:.1f} is its best"
    return Outcome(best, job.raster.width_px, job.raster.height_px, score, (warning,))


def _required(encoded: Encoded | None) -> Encoded:
    if encoded is None:
        raise TaskFailure(TaskState.EMPTY_RESULT)
    return encoded


def _smallest(candidates: list[Encoded | None]) -> Encoded:
    """The fewest bytes; the earlier of two equals, so the order is the order of preference."""
    return min((c for c in candidates if c is not None), key=lambda c: len(c.data))


def _outcome(job: Job, encoded: Encoded, score: float | None = None) -> Outcome:
    return Outcome(encoded, job.raster.width_px, job.raster.height_px, score)
