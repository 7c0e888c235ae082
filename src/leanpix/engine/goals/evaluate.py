"""The one rule: which encodes are made, in which order, and when to stop.

Candidates stand in one total order. Each is run while it can still win within the time; each that is not run says why.
The candidates' estimates come from the codecs' offers (`codecs.offers`) over rows of priors (`codecs.priors`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from leanpix.domain.report import Considered, Decision
from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.codecs.base import Encoded
from leanpix.engine.codecs.need import Need, Verdict
from leanpix.engine.codecs.offers import Estimate, Kind, Offer
from leanpix.engine.codecs.priors import (
    CHEAP_REFINEMENT,
    DEAR_REFINEMENT,
    HARDLY_GROWTH,
    SLIGHT_GROWTH,
    SPARE_S,
    UNLIKELY,
)


class Clock(Protocol):
    """The time that is left for this format; the one notion of it."""

    def allows(self, cost_s: float) -> bool:
        """Whether something that takes cost_s can still be afforded."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """An encode that was made, whether or not it meets the need.

    score: where it is known already. parameter: the encoder's, None for what has none. size_px: width and height, where
    they are smaller than asked for. worst: where it was looked for in a part of the picture alone. has_no_finer: no
    finer setting of its encoder mends its worst place. is_finest: none does better than what is hardly over.
    """

    kind: Kind
    encoded: Encoded
    score: float | None = None
    parameter: float | None = None
    warnings: tuple[str, ...] = ()
    size_px: tuple[int, int] | None = None
    worst: WorstPlace | None = None
    has_no_finer: bool = False
    is_finest: bool = False

    @property
    def bytes(self) -> int:
        """Of the encode."""
        return len(self.encoded.data)

    @property
    def is_beyond_settings(self) -> bool:
        """Whether no setting of its encoder mends its worst place, not even nearly."""
        return self.has_no_finer and not self.is_finest


def nothing(found: object) -> Iterable[Candidate]:
    """Nothing else is worth a try."""
    del found
    return ()


def _is_not_known(most_bytes: int) -> bool:
    del most_bytes
    return False


def _as_before(attempt: Attempt, estimate: Estimate) -> Estimate:
    del attempt
    return estimate


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer bound to the picture.

    run: makes it, None where it falls short of the need. refine: a dearer estimate, which costs refine_cpu_s; once.
    is_over: whether it is counted, right before it is made, to take more than so many bytes.
    given: the estimate once another encode was made; None: it cannot win any more. instead: what may take its place
    where it falls short, the cheapest first, such as the same encode with whole chroma. then: what is worth a try only
    once this was made. nearest: what comes nearest to the need where nothing meets it; told whether that is for want of
    time.
    """

    offer: Offer
    run: Callable[[], Attempt | None]
    refine: Callable[[], Estimate] | None = None
    refine_cpu_s: float = 0.0
    is_over: Callable[[int], bool] = _is_not_known
    given: Callable[[Attempt, Estimate], Estimate | None] = _as_before
    instead: Callable[[Verdict], Iterable[Candidate]] = nothing
    then: Callable[[Attempt], Iterable[Candidate]] = nothing
    nearest: Callable[[bool], Attempt] | None = None

    @property
    def estimate(self) -> Estimate:
        """The offer's."""
        return self.offer.estimate

    def estimated(self, estimate: Estimate) -> Candidate:
        """The same with another estimate."""
        return replace(self, offer=replace(self.offer, estimate=estimate))


@dataclass(slots=True)
class Outcome:
    """The best encode that meets the need, or None; what was considered, in the order of what became of it.

    slight: of those that fall short slightly the smallest that has the score its quality promises, else the smallest;
    with whether it has not, and its place in considered. most_bytes: what may be spent on mending that. refused: the
    bytes of the smallest that falls short by more than that for a place alone, and that place.
    """

    best: Attempt | None = None
    considered: list[Considered] = field(default_factory=list)
    nearest: Callable[[bool], Attempt] | None = None
    taken: int | None = None
    slight: tuple[Attempt, bool, int] | None = None
    most_bytes: float = float("inf")
    refused: tuple[int, WorstPlace] | None = None

    @property
    def is_out_of_time(self) -> bool:
        """Whether something was left out for want of time."""
        return any(one.decision is Decision.NO_TIME for one in self.considered)

    def take(self, attempt: Attempt, name: str) -> None:
        """Make this the result, for a reason that the order does not know."""
        self.best, self.taken = attempt, len(self.considered)
        self.considered.append(Considered(name, attempt.kind.name.lower(), Decision.MADE, attempt.bytes))

    def note_slight(self, attempt: Attempt, *, is_short: bool) -> None:
        """Remember what was noted last as one that falls short slightly, if it is the best of them."""
        is_best = self.slight is None or (is_short, attempt.bytes) < (self.slight[1], self.slight[0].bytes)
        if is_best and attempt.bytes <= self.most_bytes:
            self.slight = attempt, is_short, len(self.considered) - 1
        growth = HARDLY_GROWTH if attempt.is_finest else SLIGHT_GROWTH
        self.most_bytes = min(self.most_bytes, growth * attempt.bytes)

    def note_refused(self, attempt: Attempt, worst: WorstPlace) -> None:
        """Remember what all that is larger is larger for."""
        if self.refused is None or attempt.bytes < self.refused[0]:
            self.refused = attempt.bytes, worst

    def settle(self) -> None:
        """Take the one that falls short slightly, where what meets the need takes much more."""
        if self.slight is not None and (self.best is None or self.best.bytes > self.most_bytes):
            self.best, _, self.taken = self.slight

    def told(self) -> tuple[Considered, ...]:
        """What was considered, the result marked."""
        told = list(self.considered)
        if self.taken is not None:
            told[self.taken] = replace(told[self.taken], decision=Decision.TAKEN)
        return tuple(told)

    def note(self, one: Candidate, decision: Decision, attempt: Attempt | None = None) -> None:
        """Remember what became of a candidate."""
        likely = one.estimate.likely_bytes
        likely_bytes = round(likely) if 0 < likely < float("inf") else None
        kind, result_bytes = one.offer.kind.name.lower(), attempt.bytes if attempt else None
        self.considered.append(Considered(one.offer.name, kind, decision, result_bytes, likely_bytes))


def evaluate(
    candidates: Iterable[Candidate],
    need: Need,
    clock: Clock,
    meets: Callable[[Attempt], Verdict],
    *,
    memory_bytes: float = float("inf"),
) -> Outcome:
    """Run the candidates in their order, as long as one that is left can still win."""
    found = Outcome()
    queue = _ordered((_refined(one) if _is_cheap(one) else one for one in candidates), need)
    while queue:
        one = queue.pop(0)
        bar = min(_bar(found.best, need), found.most_bytes)

        # What cannot win is not made, however much time there is.
        is_dear_mend = one.offer.kind is Kind.LOSSY and one.estimate.likely_bytes > found.most_bytes
        if is_dear_mend or not _can_win(one, found.best, need, bar):
            found.note(one, Decision.CANNOT_WIN)
            continue

        # A dearer estimate, where what is known makes the encode unlikely to win; it takes its new place in the order.
        if _is_worth_refining(one, bar):
            queue = _ordered([*queue, _refined(one)], need)
            continue

        # The first result is made whatever it takes: a late picture is better than none.
        has_something = found.best is not None or found.nearest is not None
        left_out = _left_out(one, clock, memory_bytes, bar, need) if has_something else None
        if left_out is not None:
            found.note(one, left_out)
            continue

        attempt = one.run()
        verdict = Verdict(passes=False) if attempt is None else meets(attempt)
        if attempt is None or not verdict.passes:
            found.note(one, Decision.FELL_SHORT, attempt)
            if attempt is not None and verdict.is_slight:
                found.note_slight(replace(attempt, score=verdict.score), is_short=verdict.is_short)
                queue = _after(attempt, queue, found)  # what takes much more than this is not worth it any more
            elif attempt is not None and verdict.worst is not None:
                found.note_refused(attempt, verdict.worst)
            found.nearest = one.nearest or found.nearest
            queue = _ordered([*queue, *one.instead(verdict)], need)
            continue

        attempt = replace(attempt, score=verdict.score)
        found.note(one, Decision.MADE, attempt)
        if found.best is None or _is_better(attempt, found.best, need):
            found.best, found.taken = attempt, len(found.considered) - 1
        queue = _ordered([*_after(attempt, queue, found), *one.then(attempt)], need)
    found.settle()
    return found


def _ordered(candidates: Iterable[Candidate], need: Need) -> list[Candidate]:
    """The one total order: the fewest bytes first; to a size, what loses least of what is likely to fit."""

    def key(one: Candidate) -> tuple[bool, bool, float, float, float, str]:
        offer, estimate = one.offer, one.estimate
        is_last = offer.kind is Kind.SMALLER_SIDES
        if need.max_bytes is None:
            return is_last, False, estimate.likely_bytes, offer.kind, estimate.cpu_s, offer.name
        is_over = estimate.likely_bytes > need.max_bytes
        return is_last, is_over, offer.kind, estimate.likely_bytes, estimate.cpu_s, offer.name

    return sorted(candidates, key=key)


def _bar(best: Attempt | None, need: Need) -> float:
    """The bytes that a candidate must not exceed."""
    if need.max_bytes is not None:
        return need.max_bytes
    return float("inf") if best is None else best.bytes


def _can_win(one: Candidate, best: Attempt | None, need: Need, bar: float) -> bool:
    if one.estimate.least_bytes > bar:
        return False
    # To a size, what loses more is not tried once something fits.
    return need.max_bytes is None or best is None or one.offer.kind <= best.kind


def _left_out(one: Candidate, clock: Clock, memory_bytes: float, bar: float, need: Need) -> Decision | None:
    """Why a candidate that may win is not made after all; None: it is."""
    if not clock.allows(one.estimate.cpu_s + SPARE_S):
        return Decision.NO_TIME
    if one.estimate.memory_bytes > memory_bytes:
        return Decision.NO_MEMORY
    # To a size a file that is over it falls short, and others take its place.
    is_over = need.max_bytes is None and math.isfinite(bar) and one.is_over(math.floor(bar))
    return Decision.CANNOT_WIN if is_over else None


def _is_cheap(one: Candidate) -> bool:
    return one.refine is not None and one.refine_cpu_s <= CHEAP_REFINEMENT * one.estimate.cpu_s


def _is_worth_refining(one: Candidate, bar: float) -> bool:
    if one.refine is None or one.refine_cpu_s > DEAR_REFINEMENT * one.estimate.cpu_s:
        return False
    return bar < UNLIKELY * one.estimate.likely_bytes


def _refined(one: Candidate) -> Candidate:
    return one if one.refine is None else replace(one.estimated(one.refine()), refine=None)


def _is_better(attempt: Attempt, best: Attempt, need: Need) -> bool:
    if need.max_bytes is None:
        return (attempt.bytes, attempt.kind) < (best.bytes, best.kind)
    # Of one kind the later one has been found to be the better picture, or it would have fallen short.
    return attempt.kind <= best.kind


def _after(attempt: Attempt, queue: list[Candidate], found: Outcome) -> list[Candidate]:
    """Those that can still win once this was made, with what is known of them now."""
    left = list[Candidate]()
    for one in queue:
        estimate = one.given(attempt, one.estimate)
        if estimate is None:
            found.note(one, Decision.CANNOT_WIN)
        else:
            left.append(one.estimated(estimate))
    return left
