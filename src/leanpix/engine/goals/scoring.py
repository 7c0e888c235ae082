"""Find the fewest bytes at a score: on a sample first where the picture is large, then on the whole."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.engine.codecs.base import Encoded, Encoder, Raster
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.drawn import is_exact_enough
from leanpix.engine.goals.outcome import EncoderRuns
from leanpix.engine.goals.search import Bound, Knob, nearest
from leanpix.engine.judging.meter import QualityMeter, sample_of
from leanpix.engine.malloc_trim import trim_malloc

_TOLERANCE = 0.5
_CORRECTIONS = 5
_HIGHEST_QUALITY = 100
_SAMPLE_TOLERANCE = 1.0
"""Points above the target at which an encode of the whole picture that was found on a sample is good enough."""

TILES_MARGIN = 1.0
"""How much lower a whole picture's score may be than its tiles': 1.05 at most, 0.2 typically (docs/decisions/0025)."""

_MOST_UNTYPICAL = 25.0
"""How far below the target a setting's typical score may be, whatever it scores on this picture.

Of a plain ground the metric forgives even another colour: at JPEG quality 1 light blue comes out gray and scores 87.
"""

ON_SAMPLE = f"the score is that of nine tiles of the picture less {TILES_MARGIN:g}, for the whole may score lower"


@dataclass(frozen=True, slots=True)
class Scored:
    """An encode of the whole picture and its score."""

    encoded: Encoded
    score: float
    warnings: tuple[str, ...] = ()


def lowest_at(job: EncodeContext, trials: EncoderRuns, target: float) -> Scored | None:
    """The smallest lossy encode at the target; None where the encoder does not reach it, or need not.

    It need not where trials have what keeps every pixel, and that is small enough.
    """
    sample = sample_of(job.raster)
    if sample is None:
        knob = _search(job.judge, trials, target)
        return None if knob is None else _refined(job, trials, knob, target)
    return _by_sample(job, trials, sample, target)


def _search(judge: QualityMeter, trials: EncoderRuns, target: float) -> float | None:
    return nearest(
        lambda knob: judge.score(trials.at(knob)),
        Knob(_trusted(trials.encoder, target), trials.snap),
        Bound(target, _TOLERANCE, is_floor=True),
        may_continue=trials.may_continue,
    )


def _trusted(encoder: Encoder, target: float) -> PriorCurve:
    """The settings at which a score of the target says that the picture looks it."""
    scores = encoder.scores
    return scores.start_at(scores.knob(target - _MOST_UNTYPICAL))


def _by_sample(job: EncodeContext, trials: EncoderRuns, sample: Raster, target: float) -> Scored | None:
    knob = _tried_on_sample(job, trials, sample, target)
    if knob is None:
        # Where a palette is too small for a part of the picture it is for all of it.
        if trials.encoder.lossless_from <= _HIGHEST_QUALITY:
            return None
        knob = trials.snap(trials.encoder.scores.points[-1][0])
    if is_exact_enough(job, trials, knob):
        return None
    if job.judge.is_sampled:
        return _on_tiles(job, trials, knob, target)
    knob = _corrected(job.judge, trials, knob, target)
    return None if knob is None else _refined(job, trials, knob, target)


def _tried_on_sample(job: EncodeContext, trials: EncoderRuns, sample: Raster, target: float) -> float | None:
    on_sample = EncoderRuns(trials.encoder.on(sample), job.budget)
    knob = _search(QualityMeter(sample), on_sample, target)
    trials.take_in(on_sample)
    return knob


def _on_tiles(job: EncodeContext, trials: EncoderRuns, knob: float, target: float) -> Scored | None:
    """The setting corrected on the tiles that would be scored, encoded by themselves; then the whole, once.

    A large picture's result is never decoded: that takes its memory, and the time of several encodes.
    """
    found = _tried_on_tiles(job, trials, knob, target)
    trim_malloc()
    return None if found is None else Scored(trials.at(found[0]), found[1], (ON_SAMPLE,))


def _tried_on_tiles(job: EncodeContext, trials: EncoderRuns, knob: float, target: float) -> tuple[float, float] | None:
    """A setting and the score that the whole will have at least.

    All that it took to find them is let go of before the whole is encoded.
    """
    tiles = job.judge.tiles()
    on_tiles, judge = EncoderRuns(trials.encoder.on(tiles), job.budget), QualityMeter(tiles)
    found = _corrected(judge, on_tiles, knob, target + TILES_MARGIN)
    trials.take_in(on_tiles)
    return None if found is None else (found, judge.score(on_tiles.at(found)) - TILES_MARGIN)


def score_on_tiles(job: EncodeContext, trials: EncoderRuns, knob: float) -> float:
    """The score of a large picture's tiles at a setting, encoded by themselves."""
    tiles = job.judge.tiles()
    on_tiles = trials.of(trials.encoder.on(tiles))
    score = preview_score(QualityMeter(tiles), on_tiles, knob)
    trials.take_in(on_tiles)
    trim_malloc()
    return score


def preview_score(judge: QualityMeter, trials: EncoderRuns, knob: float) -> float:
    """The score of an encode: of its pixels before they are packed, where they are had for less."""
    pixels = trials.preview(knob)
    return judge.score(trials.at(knob)) if pixels is None else judge.score_of(pixels)


def _corrected(judge: QualityMeter, trials: EncoderRuns, knob: float, target: float) -> float | None:
    """The setting after trying it here, and others where the sample promised too much or too little."""
    scores, passing, failing = _trusted(trials.encoder, target), list[float](), list[float]()
    for tried in range(1 + _CORRECTIONS):
        score = judge.score(trials.at(knob))
        (passing if score >= target else failing).append(knob)
        if 0 <= score - target <= _SAMPLE_TOLERANCE or not trials.may_continue():
            break
        if passing and failing:
            place = (scores.value(min(passing)) + scores.value(max(failing))) / 2
        else:
            # Steps up grow: on a picture whose score rises slowly the typical step falls short again and again.
            missing = target - score + _TOLERANCE
            place = scores.value(knob) + missing * (1 if passing else 1 + tried)
        knob = trials.snap(scores.knob(place))
        if knob in trials.done:
            break
    return min(passing) if passing else None


def _refined(job: EncodeContext, trials: EncoderRuns, knob: float, target: float) -> Scored:
    """The setting found, or a thorough encode in fewer bytes that reaches the target too."""
    found = Scored(trials.at(knob), job.judge.score(trials.at(knob)))
    encoder = next(iter(trials.encoder.thorough()), None)
    if encoder is None or not trials.may_continue():
        return found
    untypical = found.score - _trusted(trials.encoder, target).value(knob)
    thorough = trials.of(encoder)
    encoded = thorough.at(thorough.snap(_trusted(encoder, target).knob(target - untypical + _TOLERANCE / 2)))
    trials.take_in(thorough)
    rival = Scored(encoded, job.judge.score(encoded))
    return rival if rival.score >= target and len(encoded.data) < len(found.encoded.data) else found
