"""The three ways to a result: a quality, a largest size, or the fewest bytes at a score."""

from __future__ import annotations

from dataclasses import dataclass, replace

from leanpix.domain.errors import TaskFailure
from leanpix.domain.request import KBYTE
from leanpix.domain.states import TaskState
from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Encoded
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.drawn import is_exact_enough, is_exact_far_over, may_exact_win
from leanpix.engine.goals.fitting import largest_within, next_within
from leanpix.engine.goals.outcome import EncoderRuns, Outcome
from leanpix.engine.goals.scoring import ON_SAMPLE, Scored, lowest_at, preview_score, score_on_tiles
from leanpix.engine.goals.shrink import shrunk_within

_IDENTICAL = 100.0
_RICH_SCORE = 87.0
"""A typical score from which on halved chroma is what is seen first, in screenshots and on smooth ground."""

_LOSSLESS_ROOM = 1.5
"""How many times a lossy encode's bytes have to be there for a lossless one to be tried."""

OUT_OF_TIME = "the time was used up before the score asked for was reached"


def by_quality(job: EncodeContext, trials: EncoderRuns, quality: float) -> Outcome:
    """The smallest of what meets a quality: an encode at it, the source's own pixels repacked, a lossless one."""
    encoder = trials.encoder
    if quality >= encoder.lossless_from:
        # The kept file, profile and all 16 bits included, loses less than what was converted to sRGB and 8 bits.
        return _outcome(job, _required(job.kept_file() or trials.lossless()))
    capped = job.highest_quality(quality)
    # Repacking costs more than encoding: below the source's own quality it is tried only where it can still win.
    own_counts = capped < quality and job.racing_file() is not None
    knob = trials.snap(encoder.knob_for(quality if own_counts else capped))
    if is_exact_enough(job, trials, knob):
        return _outcome(job, _required(trials.lossless()))
    found = _judged(job, trials, knob, encoder.least_score(quality))
    rival = found.encoded if found.passes else None
    candidates = [rival, *_exact(job, trials, rival)]
    if not any(candidates):  # the time that is left does not carry what would have kept every pixel
        return replace(_outcome(job, trials.at(knob), found.score), warnings=(OUT_OF_TIME,))
    best = _smallest(candidates)
    if best is not rival:
        return _outcome(job, best)
    return replace(_outcome(job, best, found.score), warnings=found.warnings)


@dataclass(frozen=True, slots=True)
class _Judged:
    """An encode that had to reach a score; encoded is None where a part of the picture already fell short of it."""

    passes: bool
    encoded: Encoded | None
    score: float | None = None
    warnings: tuple[str, ...] = ()


def _judged(job: EncodeContext, trials: EncoderRuns, knob: float, least: float | None) -> _Judged:
    if least is None:
        return _Judged(passes=True, encoded=trials.at(knob))
    trials.is_refused = trials.encoder.most_score < least
    if trials.is_refused:
        return _Judged(passes=False, encoded=None)
    if not job.judge.is_sampled:
        return _judged_whole(job, trials, knob, least)
    score = score_on_tiles(job, trials, knob)
    return _Judged(score >= least, trials.at(knob) if score >= least else None, score, (ON_SAMPLE,))


def _judged_whole(job: EncodeContext, trials: EncoderRuns, knob: float, least: float) -> _Judged:
    score = preview_score(job.judge, trials, knob)
    trials.is_refused = score < least
    return _Judged(not trials.is_refused, None if trials.is_refused else trials.at(knob), score)


def _exact(job: EncodeContext, trials: EncoderRuns, rival: Encoded | None) -> list[Encoded | None]:
    """What keeps every pixel and may beat a rival; without a rival there has to be something."""
    if trials.exact:
        return [trials.lossless()]
    if rival is not None and not may_exact_win(job, trials, len(rival.data)):
        return []
    own = job.racing_file()
    tries_lossless = own is None and (rival is None or trials.encoder.is_graphic)
    tries_lossless = tries_lossless or (trials.encoder.is_graphic and not job.keeps_format_and_dimensions)
    affordable = trials.may_continue() or (rival is None and not trials.done and not trials.is_refused)
    return [own, trials.lossless() if tries_lossless and affordable else None]


def by_size(job: EncodeContext, trials: EncoderRuns, max_bytes: int) -> Outcome:
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
        return _outcome(job, _richer(job, trials, fitting, max_bytes))
    shrunk = shrunk_within(job, trials, max_bytes) if shrinks else None
    if shrunk is None:
        raise TaskFailure(
            TaskState.NOT_MEETING_REQUIREMENTS,
            f"Even the lowest quality at these dimensions takes more than {max_bytes / KBYTE:g} KB: "
            "ask for a larger size, or for a smaller width or height.",
        )
    return shrunk


def _fitting_exact(job: EncodeContext, trials: EncoderRuns, max_bytes: int) -> Encoded | None:
    if job.repack_can_fit(max_bytes):
        own = job.racing_file()
        if own is not None and len(own.data) <= max_bytes:
            return own
    has_chance = trials.encoder.is_graphic and not is_exact_far_over(job, trials, max_bytes)
    exact = trials.lossless() if has_chance else None
    return exact if exact is not None and len(exact.data) <= max_bytes else None


def _richer(job: EncodeContext, trials: EncoderRuns, fitting: Encoded, max_bytes: int) -> Encoded:
    """At a high rate: every pixel where there is room for that, or whole chroma where that looks better."""
    last = next(reversed(trials.done))
    if trials.encoder.scores.value(last) < _RICH_SCORE or job.judge.is_sampled or not trials.may_continue():
        return fitting
    has_room = max_bytes >= _LOSSLESS_ROOM * len(fitting.data) and job.effort is Effort.FULL
    exact = trials.lossless() if has_room else None
    if exact is not None and len(exact.data) <= max_bytes:
        return exact
    finest = trials.of(trials.encoder.finest())
    better = (
        None if finest.encoder is trials.encoder else next_within(trials, finest, job.raster.total_pixels, max_bytes)
    )
    return better if better is not None and job.judge.score(better) > job.judge.score(fitting) else fitting


def by_score(job: EncodeContext, trials: EncoderRuns, target: float) -> Outcome:
    """The fewest bytes whose score is at least the target; every pixel kept where nothing else reaches it."""
    found = None if trials.encoder.most_score < target else lowest_at(job, trials, target)
    exact = [candidate for candidate in _exact(job, trials, found.encoded if found else None) if candidate]
    if found is None and not exact:
        found = _at_finest(job, trials, target)
    best = _smallest([found.encoded if found else None, *exact])
    if found is not None and best is found.encoded:
        return replace(_outcome(job, best, found.score), warnings=found.warnings)
    return _outcome(job, best, _IDENTICAL)


def _at_finest(job: EncodeContext, trials: EncoderRuns, target: float) -> Scored:
    """A format without a lossless mode at the end of its range: by its finest settings, as near as they come.

    Out of time, the finest encode of the whole picture that was made.
    """
    done = trials.finest_done
    if done is not None and not trials.may_continue():
        return Scored(done, job.judge.score(done), (OUT_OF_TIME,))
    finest = trials.of(trials.encoder.finest())
    found = lowest_at(job, finest, target)
    trials.take_in(finest)
    if found is not None:
        return found
    best = finest.at(finest.highest)
    score = job.judge.score(best)
    warning = f"the score {target:g} is out of this format's reach for this picture: {score:.1f} is its best"
    return Scored(best, score, (warning,))


def _required(encoded: Encoded | None) -> Encoded:
    if encoded is None:
        raise TaskFailure(TaskState.EMPTY_RESULT)
    return encoded


def _smallest(candidates: list[Encoded | None]) -> Encoded:
    """The fewest bytes; the earlier of two equals, so the order is the order of preference."""
    return min((c for c in candidates if c is not None), key=lambda c: len(c.data))


def _outcome(job: EncodeContext, encoded: Encoded, score: float | None = None) -> Outcome:
    return Outcome(encoded, job.raster.width_px, job.raster.height_px, score)
