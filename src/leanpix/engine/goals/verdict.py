"""The one place where an encode is judged."""

from __future__ import annotations

from leanpix.engine.codecs.need import Criterion, Need, Verdict
from leanpix.engine.goals.evaluate import Made
from leanpix.engine.judging.meter import QualityMeter

_ROUNDING = 1e-9
"""Of a score from which the margin of tiles was taken."""


def meets(made: Made, need: Need, meter: QualityMeter) -> Verdict:
    """Whether an encode meets all that is asked of it; what nobody asks about is not measured.

    A second criterion is measured here too: its worst place goes into the verdict, and a candidate's `instead` is told
    the verdict, to mend that place by the cheapest means.
    """
    if need.max_bytes is not None and made.bytes > need.max_bytes:
        return Verdict(passes=False, score=made.score)
    least_score = need.least.get(Criterion.SCORE)
    if least_score is None:
        return Verdict(passes=True, score=made.score)
    score = meter.score(made.encoded) if made.score is None else made.score
    return Verdict(score >= least_score - _ROUNDING, score)
