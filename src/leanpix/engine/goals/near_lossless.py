"""Every pixel nearly: coarser levels or fewer colours where that does not show, coded without further loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.own_mark import marked
from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.codecs.near_lossless import DRAWN_GRID, STEPS, FewerColours, coarsened
from leanpix.engine.codecs.need import Criterion
from leanpix.engine.codecs.offers import Kind
from leanpix.engine.codecs.png.palette import PALETTE_GRID
from leanpix.engine.codecs.priors import SLIGHT_GROWTH
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.codecs.source_loss import AT_SCORE, NEAR_LOSSLESS
from leanpix.engine.content.cells import cells
from leanpix.engine.content.samples import texture
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Attempt
from leanpix.engine.goals.scoring import has_palettes, is_fair
from leanpix.engine.judging.worst_place import MOST_GROUND

Pixels = NDArray[np.uint8]

_MOST_SCORE = 90.0
"""What is asked of it at most: it has 92 where a finer one takes a fifth more bytes."""

_LEAST_SHARP = 0.1
"""The share of large steps from which on a drawing is one of lines and areas, and no slow gradient."""

_MANY_CHOICES = 8
"""From more on, the look at the first costs less than finding out one by one that none will do."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The choice that meets the need, its pixels, and how those are judged. is_slight: a place falls short slightly."""

    choice: int
    pixels: Pixels
    score: float
    places: tuple[WorstPlace, ...]
    is_slight: bool


@dataclass(frozen=True, slots=True)
class _Coarser:
    """Pixels that meet the need. name: of what was left out. note: of the mark by which the file is known again."""

    chosen: _Chosen
    name: str
    note: str | None


def near_lossless(context: EncodeContext, runs: EncoderRuns) -> Attempt | None:
    """With the coarsest levels that meet the need by both criteria; None where no levels do, or it is too large.

    Of what is drawn with as few colours as meet it, of all else where those are smaller. The pixels are judged before
    they are coded.
    """
    if context.meter.is_sampled:
        return None
    made = [(one, found) for found in _found(context, runs) if (one := _coded(context, runs, found)) is not None]
    best = min(made, key=lambda one: one[0].bytes * (SLIGHT_GROWTH if one[1].chosen.is_slight else 1.0), default=None)
    return None if best is None else best[0]


def _found(context: EncodeContext, runs: EncoderRuns) -> Iterator[_Coarser]:
    pixels, may_have_few = context.raster.pixels, context.raster.frames == 1 and not has_palettes(runs.encoder)
    if may_have_few and runs.encoder.is_screen_content and texture(pixels).sharp >= _LEAST_SHARP:
        drawn = _few_colours(context, runs, DRAWN_GRID)
        if drawn is not None:  # levels take up to half as much again, and twice the time
            yield drawn
            return

    levels = _coarsest(context, runs, len(STEPS), lambda at: coarsened(pixels, STEPS[at], cells()))
    if levels is not None:
        step = STEPS[levels.choice]
        yield _Coarser(levels, f"levels {step} apart", f"{NEAR_LOSSLESS} {step}")

    # Of the dark and of nothing but ground coarser levels are what is seen. What is drawn beside a photograph takes up
    # to twice as much for them, but in few colours the photograph is another one (docs/decisions/0347).
    if may_have_few:
        is_ground = context.meter.is_dark or context.meter.ground_share > MOST_GROUND
        colours = _few_colours(context, runs, PALETTE_GRID, is_largest=not is_ground)
        if colours is not None:
            yield colours


def _few_colours(
    context: EncodeContext, runs: EncoderRuns, grid: Sequence[float], *, is_largest: bool = False
) -> _Coarser | None:
    """In the smallest of some palettes that meets the need; or in the largest, though a place falls short slightly."""
    palettes = FewerColours.of(context.raster.pixels, grid)
    if palettes is None:
        return None
    if is_largest:
        chosen = _tried(context, runs, 0, palettes.shown(0))
    else:
        chosen = _coarsest(context, runs, palettes.choices, palettes.shown)
    if chosen is None:
        return None
    note = None if context.options.is_automatic else f"{AT_SCORE} {round(chosen.score)}"
    return _Coarser(chosen, f"{palettes.colours(chosen.choice)} colours", note)


def _coarsest(
    context: EncodeContext, runs: EncoderRuns, choices: int, pixels_of: Callable[[int], Pixels]
) -> _Chosen | None:
    """The last of so many choices that meets the need; each loses more than those before.

    Of many the first is tried first: where that falls short, so do all.
    """
    found, low, high = None, 0, choices - 1
    is_doubtful = choices > _MANY_CHOICES
    while low <= high and runs.may_continue():
        middle, is_doubtful = 0 if is_doubtful else (low + high + 1) // 2, False
        tried = _tried(context, runs, middle, pixels_of(middle))
        if tried is not None and not tried.is_slight:
            found, low = tried, middle + 1
        else:
            high = middle - 1
    return found


def _tried(context: EncodeContext, runs: EncoderRuns, choice: int, pixels: Pixels) -> _Chosen | None:
    """A choice, where it has the score and no place that falls short by more than slightly."""
    score = context.meter.score_of(pixels)
    if score < min(_least_score(context, runs), _MOST_SCORE):
        return None
    need, places = context.need, context.meter.worst_of(pixels)
    is_good = need.allows_all(places)
    return _Chosen(choice, pixels, score, places, not is_good) if is_fair(need, places) else None


def _coded(context: EncodeContext, runs: EncoderRuns, found: _Coarser) -> Attempt | None:
    chosen = found.chosen
    coarse = runs.fork(runs.encoder.on(replace(context.raster, pixels=chosen.pixels)))
    encoded = coarse.lossless()
    runs.add_counts(coarse)
    if encoded is None:
        return None
    data = encoded.data if found.note is None else marked(encoded.data, found.note)
    encoded = replace(encoded, data=data, encoder=f"{encoded.encoder}, {found.name}", is_lossless=False)
    context.meter.know(encoded, chosen.score, chosen.places)
    return Attempt(Kind.LOSSY, encoded, chosen.score)


def _least_score(context: EncodeContext, runs: EncoderRuns) -> float:
    """What is asked for, or what is typical at the quality that is."""
    need, encoder = context.need, runs.encoder
    if need.setting is None:
        return need.least.get(Criterion.SCORE, 0.0)
    least = encoder.least_score(need.setting)
    return encoder.scores.value(encoder.param_for(need.setting)) if least is None else least
