"""Find the fewest bytes at a score: on a sample first where the picture is large, then on the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.codecs.base import Encoded, Encoder
from leanpix.engine.codecs.need import Need
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.search import MAX_TRIES, Bound, EncoderParam, nearest
from leanpix.engine.judging.meter import QualityMeter, sample_of
from leanpix.engine.libraries.malloc_trim import trim_malloc

_TOLERANCE, _EXACT = 0.5, 0.2
"""Points above the target at which a search ends: where a step of the encoder's is more than the second, and else."""

_EXACT_TRIES, _SLOWER_TRIES, _MOST_SLOWER_TRIES = 4, 2, 4
"""Encodes after which what is within the first will do; of a slower encoder, which begins near the target, and at most.
"""

_LEAST_GAIN = 0.012
"""The share of typical bytes, as much as _EXACT points take, by which a setting that reaches the target takes more than
one that does not, for there to be something between: some scores jump (docs/decisions/0355)."""

_ROUGH = 1.5
"""Points to both sides of the target from which a slower encoder goes on."""

_CORRECTIONS = 5
_HIGHEST_QUALITY = 100
_SAMPLE_TOLERANCE = 1.0
"""Points above the target at which an encode of the whole picture that was found on a sample is good enough."""

TILES_MARGIN = 1.0
"""How much lower a whole picture's score may be than its tiles': 1.05 at most, 0.2 typically (docs/decisions/0025)."""

_FAIR_STEPS = (5.0, 14.0, 100.0)
"""Points of typical score above the setting at which the tiles of a large picture have a bad place."""

_MOST_BIAS = 25.0
"""How far below the target a setting's typical score may be, whatever it scores on this picture.

Of a plain ground the metric forgives even another colour: at JPEG quality 1 light blue comes out gray and scores 87.
"""

ON_TILES = "the score is that of nine tiles of the picture"
ON_SAMPLE = f"the score is that of nine tiles of the picture less {TILES_MARGIN:g}, for the whole may score lower"


@dataclass(frozen=True, slots=True)
class Scored:
    """An encode of the whole picture and its score."""

    encoded: Encoded
    score: float
    parameter: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """A setting that reaches a target, and the score there."""

    parameter: float
    score: float


def lowest_at(context: EncodeContext, runs: EncoderRuns, target: float, start: float | None) -> Scored | None:
    """The smallest lossy encode at the target; None where the encoder does not reach it.

    start: where sample_setting says to begin; None: the whole picture is searched.
    """
    if start is not None and context.meter.is_sampled:
        return _on_tiles(context, runs, start, target)
    meter, encoder = context.meter, runs.encoder
    if start is not None:
        found = _corrected(meter, runs, start, target)
    elif encoder.slower_presets():
        found = _search(meter, runs, target - _ROUGH, _Stop(2 * _ROUGH))
    else:
        found = _search(meter, runs, target, _Stop(_tolerance(encoder, target)))
    return None if found is None else _refined(context, runs, found, target)


def finer_at(meter: QualityMeter, runs: EncoderRuns, target: float, known: Reached) -> float | None:
    """The setting that has a score which a coarser one is known to miss; None where none has it."""
    bias = known.score - trusted(runs.encoder, target).value(known.parameter)
    found = _search(meter, runs, target, _Stop(_tolerance(runs.encoder, target)), bias)
    return None if found is None else found.parameter


def is_searched_on_sample(context: EncodeContext) -> bool:
    """Whether the picture is so large that a setting is looked for on a sample of it first."""
    return sample_of(context.raster) is not None


def sample_setting(context: EncodeContext, runs: EncoderRuns, target: float) -> float | None:
    """The setting that a sample of a large picture needs, else the highest there is; None: no setting will do."""
    sample = sample_of(context.raster)
    if sample is None:
        return None
    on_sample = EncoderRuns(runs.encoder.on(sample), context.budget)
    found = _search(QualityMeter(sample), on_sample, target, _AT_HALF_A_POINT)
    runs.add_counts(on_sample)
    if found is None and runs.encoder.lossless_from > _HIGHEST_QUALITY:
        return runs.to_grid(runs.encoder.scores.points[-1][0])
    # No palette reaches the score on the tiles, and the whole has at least their colours: None.
    return None if found is None else found.parameter


def _tolerance(encoder: Encoder, target: float) -> float:
    """What a search to a target ends within, by whether the encoder has steps so small."""
    curve = trusted(encoder, target)
    is_fine = encoder.to_grid(curve.parameter(target + _EXACT / 2)) != encoder.to_grid(curve.parameter(target))
    return _EXACT if is_fine else _TOLERANCE


@dataclass(frozen=True, slots=True)
class _Stop:
    """When a search ends: within tolerance above the target, within _TOLERANCE after some tries, or after the most."""

    tolerance: float
    tries: int = _EXACT_TRIES
    most_tries: int = MAX_TRIES


_AT_HALF_A_POINT = _Stop(_TOLERANCE)
_OF_SLOWER = _Stop(_EXACT, _SLOWER_TRIES, _MOST_SLOWER_TRIES)


def _search(meter: QualityMeter, runs: EncoderRuns, target: float, stop: _Stop, bias: float = 0.0) -> Reached | None:
    """By previews where the encoder has them: what is only tried is never packed.

    bias: by how much this picture is known to score more than is typical.
    """
    scores, rates = dict[float, float](), runs.encoder.rates

    def score(parameter: float) -> float:
        scores[parameter] = preview_score(meter, runs, parameter)
        return scores[parameter]

    def is_close_enough() -> bool:
        if len(scores) >= stop.tries and any(0 <= one - target <= _TOLERANCE for one in scores.values()):
            return True
        passing = [rates.value(at) for at, one in scores.items() if one >= target]
        failing = [rates.value(at) for at, one in scores.items() if one < target]
        return bool(passing and failing) and min(passing) - max(failing) <= _LEAST_GAIN

    parameter = nearest(
        score,
        EncoderParam(trusted(runs.encoder, target).biased(bias), runs.to_grid),
        Bound(target, stop.tolerance, is_floor=True),
        max_tries=stop.most_tries,
        may_continue=lambda: runs.may_continue() and not is_close_enough(),
    )
    return None if parameter is None else Reached(parameter, scores[parameter])


def trusted(encoder: Encoder, target: float) -> PriorCurve:
    """The settings at which a score of the target says that the picture looks it."""
    scores = encoder.scores
    return scores.start_at(scores.parameter(target - _MOST_BIAS))


def _on_tiles(context: EncodeContext, runs: EncoderRuns, parameter: float, target: float) -> Scored | None:
    """The setting corrected on the tiles that would be scored, encoded by themselves; then the whole, once.

    A large picture's result is never decoded: that takes its memory, and the time of several encodes.
    """
    found = _tried_on_tiles(context, runs, parameter, target)
    trim_malloc()
    return None if found is None else Scored(runs.at(found.parameter), found.score, found.parameter, (ON_SAMPLE,))


def _tried_on_tiles(context: EncodeContext, runs: EncoderRuns, parameter: float, target: float) -> Reached | None:
    """A setting and the score that the whole will have at least; its worst place is looked for on the tiles.

    All that it took to find them is let go of before the whole is encoded.
    """
    tiles = context.meter.tiles()
    on_tiles, meter = EncoderRuns(runs.encoder.on(tiles), context.budget), QualityMeter(tiles)
    found = _corrected(meter, on_tiles, parameter, target + TILES_MARGIN)
    meter = QualityMeter(tiles)  # what it takes to score them is let go of before their places are looked at
    if found is not None and context.need.room is not None and meter.is_at_risk:
        found = _fair(context.need, meter, on_tiles, found)
    runs.add_counts(on_tiles)
    return None if found is None else replace(found, score=found.score - TILES_MARGIN)


def _fair(need: Need, meter: QualityMeter, runs: EncoderRuns, reached: Reached) -> Reached | None:
    """The setting, or a finer one, with no place that is worse than slightly over its bound.

    Where there is none: None for palettes, which every pixel takes the place of; else the setting as it was.
    """
    scores, began = runs.encoder.scores, runs.encoder.scores.value(reached.parameter)
    for step in (0.0, *_FAIR_STEPS):
        finer = min(runs.to_grid(scores.parameter(began + step)), runs.highest) if step else reached.parameter
        if is_fair(need, preview_places(meter, runs, finer)):
            return replace(reached, parameter=finer)  # its score is no lower
        if not runs.may_continue():
            break
    return None if has_palettes(runs.encoder) else reached


def has_palettes(encoder: Encoder) -> bool:
    """Whether an encode may have too few colours for any quality."""
    return encoder.least_score(_HIGHEST_QUALITY) is not None


def is_fair(need: Need, places: tuple[WorstPlace, ...]) -> bool:
    """Whether the places pass, or fall short slightly: then the one rule weighs what mending that takes."""
    return need.allows_all(places) or need.is_slight(places)


def preview_places(meter: QualityMeter, runs: EncoderRuns, parameter: float) -> tuple[WorstPlace, ...]:
    """The worst places of an encode: of its pixels before they are packed, where they are had for less."""
    pixels = None if parameter in runs.done else runs.preview(parameter)
    return meter.worst(runs.at(parameter)) if pixels is None else meter.worst_of(pixels)


def seen_on_tiles(context: EncodeContext, runs: EncoderRuns, parameter: float) -> tuple[float, bool]:
    """The score of a large picture's tiles at a setting, encoded by themselves; and whether they have no bad place."""
    tiles, need = context.meter.tiles(), context.need
    on_tiles, meter = runs.fork(runs.encoder.on(tiles)), QualityMeter(tiles)
    score = preview_score(meter, on_tiles, parameter)
    meter = QualityMeter(tiles)  # what it takes to score them is let go of before their places are looked at
    is_asked = need.room is not None and meter.is_at_risk
    passes = not is_asked or is_fair(need, preview_places(meter, on_tiles, parameter))
    runs.add_counts(on_tiles)
    trim_malloc()
    return score, passes


def preview_score(meter: QualityMeter, runs: EncoderRuns, parameter: float) -> float:
    """The score of an encode: of its pixels before they are packed, where they are had for less."""
    pixels = runs.preview(parameter)
    return meter.score(runs.at(parameter)) if pixels is None else meter.score_of(pixels)


def _corrected(meter: QualityMeter, runs: EncoderRuns, parameter: float, target: float) -> Reached | None:
    """The setting after trying it here, and others where the sample promised too much or too little."""
    curve, passing, failing = trusted(runs.encoder, target), list[Reached](), list[float]()
    for tried in range(1 + _CORRECTIONS):
        score = preview_score(meter, runs, parameter)
        if score >= target:
            passing.append(Reached(parameter, score))
        else:
            failing.append(parameter)
        if 0 <= score - target <= _SAMPLE_TOLERANCE or not runs.may_continue():
            break
        if passing and failing:
            place = (curve.value(_lowest(passing).parameter) + curve.value(max(failing))) / 2
        else:
            # Steps up grow: on a picture whose score rises slowly the typical step falls short again and again.
            missing = target - score + _TOLERANCE
            place = curve.value(parameter) + missing * (1 if passing else 1 + tried)
        parameter = runs.to_grid(curve.parameter(place))
        if parameter in failing or any(parameter == one.parameter for one in passing):
            break
    return _lowest(passing) if passing else None


def _lowest(passing: list[Reached]) -> Reached:
    return min(passing, key=lambda one: one.parameter)


def _refined(context: EncodeContext, runs: EncoderRuns, reached: Reached, target: float) -> Scored | None:
    """The fewest bytes that reach the target: of what was tried, or by a thorough encoder.

    reached: somewhat below the target at most, where there is a thorough encoder; None: none of the two reaches it.
    """
    encoder, meter = next(iter(runs.encoder.slower_presets()), None), context.meter
    if encoder is None or not runs.may_continue():
        found = reached if reached.score >= target else _search(meter, runs, target, _AT_HALF_A_POINT)
        return None if found is None else Scored(runs.at(found.parameter), found.score, found.parameter)

    bias = reached.score - trusted(runs.encoder, target).value(reached.parameter)
    thorough = runs.fork(encoder)
    if _search(meter, thorough, target, _OF_SLOWER, bias) is None and reached.score < target:
        _search(meter, runs, target, _AT_HALF_A_POINT)
    runs.add_counts(thorough)
    tried = [Scored(one, meter.score(one), parameter) for parameter, one in runs.done.items()]
    tried += [Scored(one, meter.score(one), reached.parameter) for one in thorough.done.values()]
    return min((one for one in tried if one.score >= target), key=lambda one: len(one.encoded.data), default=None)
