"""Every pixel nearly: coarser levels where that does not show, coded without further loss."""

from __future__ import annotations

from dataclasses import replace

from leanpix.domain.own_mark import marked
from leanpix.engine.codecs.near_lossless import STEPS, coarsened
from leanpix.engine.codecs.need import Criterion
from leanpix.engine.codecs.offers import Kind
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.codecs.source_loss import NEAR_LOSSLESS
from leanpix.engine.content.cells import cells
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Attempt

_MOST_SCORE = 90.0
"""What is asked of it at most: it has 92 where a finer one takes a fifth more bytes."""


def near_lossless(context: EncodeContext, runs: EncoderRuns) -> Attempt | None:
    """With the coarsest levels that meet the need by both criteria; None where no levels do, or it is too large.

    The pixels are judged before they are coded: three tries find the step.
    """
    if context.meter.is_sampled:
        return None
    least, found = min(_least_score(context, runs), _MOST_SCORE), None
    low, high = 0, len(STEPS) - 1
    while low <= high and runs.may_continue():
        middle = (low + high + 1) // 2
        pixels = coarsened(context.raster.pixels, STEPS[middle], cells())
        score = context.meter.score_of(pixels)
        worst = context.need.worst_of(context.meter.worst_of(pixels))
        if score >= least and context.need.allows(worst):
            found, low = (STEPS[middle], pixels, score), middle + 1
        else:
            high = middle - 1
    if found is None:
        return None

    step, pixels, score = found
    coarse = runs.fork(runs.encoder.on(replace(context.raster, pixels=pixels)))
    encoded = coarse.lossless()
    runs.add_counts(coarse)
    if encoded is None:
        return None
    data = marked(encoded.data, f"{NEAR_LOSSLESS} {step}")
    name = f"{encoded.encoder}, levels {step} apart"
    return Attempt(Kind.LOSSY, replace(encoded, data=data, encoder=name, is_lossless=False), score)


def _least_score(context: EncodeContext, runs: EncoderRuns) -> float:
    """What is asked for, or what is typical at the quality that is."""
    need, encoder = context.need, runs.encoder
    if need.setting is None:
        return need.least.get(Criterion.SCORE, 0.0)
    least = encoder.least_score(need.setting)
    return encoder.scores.value(encoder.param_for(need.setting)) if least is None else least
