"""Every pixel nearly: coarser levels or fewer colours where that does not show, coded without further loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.own_mark import marked
from leanpix.engine.codecs.near_lossless import STEPS, FewerColours, coarsened
from leanpix.engine.codecs.need import Criterion
from leanpix.engine.codecs.offers import Kind
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.codecs.source_loss import AT_SCORE, NEAR_LOSSLESS
from leanpix.engine.content.cells import cells
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Attempt
from leanpix.engine.goals.scoring import has_palettes
from leanpix.engine.judging.worst_place import MOST_GROUND

Pixels = NDArray[np.uint8]

_MOST_SCORE = 90.0
"""What is asked of it at most: it has 92 where a finer one takes a fifth more bytes."""


@dataclass(frozen=True, slots=True)
class _Coarser:
    """Pixels that meet the need. name: of what was left out. note: of the mark by which the file is known again."""

    pixels: Pixels
    score: float
    name: str
    note: str | None


def near_lossless(context: EncodeContext, runs: EncoderRuns) -> Attempt | None:
    """With the coarsest levels that meet the need by both criteria; None where no levels do, or it is too large.

    Of the dark, and of nothing but ground, with as few colours as meet it, where that is smaller. The pixels are judged
    before they are coded.
    """
    if context.meter.is_sampled:
        return None
    made = [attempt for found in _found(context, runs) if (attempt := _coded(context, runs, found)) is not None]
    return min(made, key=lambda attempt: attempt.bytes, default=None)


def _found(context: EncodeContext, runs: EncoderRuns) -> Iterator[_Coarser]:
    pixels = context.raster.pixels
    levels = _coarsest(context, runs, len(STEPS), lambda at: coarsened(pixels, STEPS[at], cells()))
    if levels is not None:
        step = STEPS[levels[0]]
        yield _Coarser(*levels[1:], f"levels {step} apart", f"{NEAR_LOSSLESS} {step}")

    palettes = FewerColours.of(pixels) if _may_have_few_colours(context, runs) else None
    colours = None if palettes is None else _coarsest(context, runs, palettes.choices, palettes.shown)
    if palettes is not None and colours is not None:
        at, shown, score = colours
        note = None if context.options.is_automatic else f"{AT_SCORE} {round(score)}"
        yield _Coarser(shown, score, f"{palettes.colours(at)} colours", note)


def _may_have_few_colours(context: EncodeContext, runs: EncoderRuns) -> bool:
    """Of the dark, and of nothing but ground: there coarser levels are seen. Palettes themselves were tried before."""
    if context.raster.frames > 1 or has_palettes(runs.encoder):
        return False
    return context.meter.is_dark or context.meter.ground_share > MOST_GROUND


def _coarsest(
    context: EncodeContext, runs: EncoderRuns, choices: int, pixels_of: Callable[[int], Pixels]
) -> tuple[int, Pixels, float] | None:
    """The last of so many choices that meets the need, its pixels and score; each loses more than those before."""
    least, found = min(_least_score(context, runs), _MOST_SCORE), None
    low, high = 0, choices - 1
    while low <= high and runs.may_continue():
        middle = (low + high + 1) // 2
        pixels = pixels_of(middle)
        score = context.meter.score_of(pixels)
        worst = context.need.worst_of(context.meter.worst_of(pixels))
        if score >= least and context.need.allows(worst):
            found, low = (middle, pixels, score), middle + 1
        else:
            high = middle - 1
    return found


def _coded(context: EncodeContext, runs: EncoderRuns, found: _Coarser) -> Attempt | None:
    coarse = runs.fork(runs.encoder.on(replace(context.raster, pixels=found.pixels)))
    encoded = coarse.lossless()
    runs.add_counts(coarse)
    if encoded is None:
        return None
    data = encoded.data if found.note is None else marked(encoded.data, found.note)
    name = f"{encoded.encoder}, {found.name}"
    return Attempt(Kind.LOSSY, replace(encoded, data=data, encoder=name, is_lossless=False), found.score)


def _least_score(context: EncodeContext, runs: EncoderRuns) -> float:
    """What is asked for, or what is typical at the quality that is."""
    need, encoder = context.need, runs.encoder
    if need.setting is None:
        return need.least.get(Criterion.SCORE, 0.0)
    least = encoder.least_score(need.setting)
    return encoder.scores.value(encoder.param_for(need.setting)) if least is None else least
