"""What another format would take at the same look, told without an encode of it."""

from __future__ import annotations

import math

from leanpix.domain.choosing import recommended
from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Advice
from leanpix.engine.codecs.base import Raster
from leanpix.engine.codecs.need import Criterion
from leanpix.engine.codecs.priors import ADVISED, ADVISED_POWER, LEAST_ADVISED_BITS, POINTS_A_RATE
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.content.samples import coded_detail
from leanpix.engine.goals.context import EncodeContext

_MEASURED_AT, _MOST_SCORE = 75.0, 90.0
"""The score at which the rows were measured, and what is taken for the look of what keeps nearly every pixel."""

_WORTH_TELLING = 0.5
"""Of the result's bytes."""


def advice(context: EncodeContext, runs: EncoderRuns, result_bytes: int) -> Advice | None:
    """A format that the request did not name and that would take less than half of the result's bytes.

    Told of a photograph whose every pixel is coded: the format that shows all of it, and that every program reads if it
    can.
    """
    need, raster = context.need, context.raster
    may_lose = need.max_bytes is None and (need.setting is None or need.setting < runs.encoder.lossless_from)
    is_asked = may_lose and context.codec.format.facts.is_lossless_only and not context.options.alternatives
    if not is_asked or raster.frames > 1 or context.may_be_drawn(runs.encoder):
        return None
    other = recommended(is_animated=False, is_transparent=raster.is_transparent, is_drawn=False)
    likely_bytes = _likely_bits(raster, other, _look(context, runs)) * raster.total_pixels / 8
    if likely_bytes * ADVISED[other].most > _WORTH_TELLING * result_bytes:
        return None
    return Advice(other, round(likely_bytes))


def _look(context: EncodeContext, runs: EncoderRuns) -> float:
    """The score that is asked for, or that is typical at the quality that is."""
    need, encoder = context.need, runs.encoder
    if need.setting is None:
        return need.least.get(Criterion.SCORE, _MEASURED_AT)
    return encoder.scores.value(encoder.param_for(need.setting))


def _likely_bits(raster: Raster, other: OutputFormat, score: float) -> float:
    """Bits a pixel that the other format takes at a score."""
    at_measured = max(LEAST_ADVISED_BITS, ADVISED[other].likely * math.pow(coded_detail(raster.pixels), ADVISED_POWER))
    return at_measured * math.exp((min(score, _MOST_SCORE) - _MEASURED_AT) / POINTS_A_RATE)
