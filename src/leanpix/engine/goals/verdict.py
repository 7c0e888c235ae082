"""The one place where an encode is judged."""

from __future__ import annotations

from leanpix.engine.codecs.need import AT_FINEST, Criterion, Need, Verdict
from leanpix.engine.codecs.offers import Kind
from leanpix.engine.goals.evaluate import Attempt
from leanpix.engine.judging.meter import QualityMeter

_ROUNDING = 1e-9
"""Of a score from which the margin of tiles was taken."""


def meets(attempt: Attempt, need: Need, meter: QualityMeter) -> Verdict:
    """Whether an encode meets all that is asked of it; what nobody asks about is not measured.

    At its worst place too: a candidate's `instead` is told the verdict, to mend that place by the cheapest means.
    """
    if need.max_bytes is not None:
        # What fits is compared, not refused: a size is met by whatever looks best in it.
        return Verdict(attempt.bytes <= need.max_bytes, attempt.score)

    least_score, score, is_under = need.least.get(Criterion.SCORE), attempt.score, False
    if least_score is not None:
        score = meter.score(attempt.encoded) if score is None else score
        is_under = score < least_score - _ROUNDING
        if is_under and not (attempt.is_finest and score >= least_score - need.spared):
            return Verdict(passes=False, score=score)

    if attempt.kind is not Kind.LOSSY or meter.is_sampled:
        return Verdict(not is_under, score, is_slight=is_under)
    is_asked = need.room is not None and meter.is_at_risk
    places = meter.worst(attempt.encoded) if is_asked else ()
    worst = need.worst_of(places)
    is_good, eased = need.allows(worst), need.eased(AT_FINEST)
    is_hardly_over = attempt.is_finest and eased.allows_all(places)
    is_slight = not is_good and (need.is_slight(places) or is_hardly_over)
    is_short = is_under and (is_good or is_slight)
    if need.promised is not None and (is_good or is_slight):
        score = meter.score(attempt.encoded) if score is None else score
        is_short = score < need.promised
    return Verdict(is_good and not is_short, score, worst, is_slight or is_short, places, is_short)
