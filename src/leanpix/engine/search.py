"""Find the setting of an encoder that comes nearest to a goal without overstepping it.

The kernel knows no format, no bytes and no score: it sees a function that grows with a knob and looks for the
largest knob at which it is not above zero. Two goals are put in front of it, a size and a score.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_TRIES = 10
_OVERSHOOT = 1.15
_MARGIN = 0.002
_LEAST_SLOPE = 0.25
_HALVE_EVERY = 6
_NARROW = 1e-4


@dataclass(frozen=True, slots=True)
class Axis:
    """A knob: its range, its step (0: continuous) and the knob to try first.

    slope is the prior guess of how fast the measured value grows per unit of the knob, in the value's own unit.
    """

    low: float
    high: float
    start: float
    slope: float
    step: float = 0.0

    def clamp(self, knob: float) -> float:
        """The nearest knob that can be set."""
        if self.step:
            knob = self.low + round((knob - self.low) / self.step) * self.step
        return min(max(knob, self.low), self.high)


@dataclass(slots=True)
class _Bracket:
    """Every measurement so far, as (knob, value), and the two of them that enclose zero most closely."""

    points: list[tuple[float, float]] = field(default_factory=list)
    low: float = -math.inf
    high: float = math.inf

    def note(self, knob: float, value: float) -> None:
        """Take a measurement in; values need not be perfectly monotone, the bracket only ever shrinks."""
        self.points.append((knob, value))
        if value <= 0:
            self.low = max(self.low, knob)
        else:
            self.high = min(self.high, knob)

    @property
    def is_closed(self) -> bool:
        """Whether zero is enclosed."""
        return self.low > -math.inf and self.high < math.inf

    def slope(self, prior: float) -> float:
        """How fast the last two measurements grew, or the prior where they say nothing or next to it."""
        if len(self.points) < 2:  # noqa: PLR2004 - a slope takes two points
            return prior
        (x0, y0), (x1, y1) = self.points[-2:]
        return max((y1 - y0) / (x1 - x0), _LEAST_SLOPE * prior)

    def crossing(self) -> float:
        """Where the line through the two measurements nearest to zero crosses it, kept inside the bracket.

        Every sixth step halves the bracket instead: a bent curve can hold one end for ever.
        """
        (x0, y0), (x1, y1) = sorted(self.points, key=lambda point: abs(point[1]))[:2]
        width = self.high - self.low
        if y0 == y1 or len(self.points) % _HALVE_EVERY == 0:
            return self.low + width / 2
        secant = x0 - y0 * (x1 - x0) / (y1 - y0)
        return min(max(secant, self.low + _MARGIN * width), self.high - _MARGIN * width)


def approach(
    measure: Callable[[float], float],
    axis: Axis,
    *,
    tolerance: float,
    max_tries: int = MAX_TRIES,
    may_continue: Callable[[], bool] = lambda: True,
) -> float | None:
    """The largest knob found at which measure is at most zero; None where even the lowest knob is above.

    Ends as soon as a value lies in [-tolerance, 0], when the range is used up, after max_tries measurements or
    when may_continue says no. Aims at the middle of the tolerance. No knob is measured twice.
    """
    aim = tolerance / 2
    bracket, tried = _Bracket(), set[float]()
    knob: float | None = axis.clamp(axis.start)
    best: tuple[float, float] | None = None
    while knob is not None and len(tried) < max_tries and (may_continue() or not tried):
        tried.add(knob)
        value = measure(knob)
        if value <= 0 and (best is None or value > best[1]):
            best = (knob, value)
        if -tolerance <= value <= 0 or _at_end(axis, knob, value):
            break
        bracket.note(knob, value + aim)
        knob = _following(axis, bracket, knob, value + aim, tried)
    return best[0] if best else None


def _at_end(axis: Axis, knob: float, value: float) -> bool:
    return (knob <= axis.low and value > 0) or (knob >= axis.high and value <= 0)


def _following(axis: Axis, bracket: _Bracket, knob: float, value: float, tried: set[float]) -> float | None:
    """The knob to measure next, or None when nothing new is left to learn."""
    if bracket.is_closed:
        return _inside(axis, bracket)
    overshoot = _OVERSHOOT if len(tried) > 1 else 1.0
    following = axis.clamp(knob - overshoot * value / bracket.slope(axis.slope))
    if following == knob:
        following = axis.clamp(knob - math.copysign(axis.step, value))
    return None if following in tried else following


def _inside(axis: Axis, bracket: _Bracket) -> float | None:
    low, high = bracket.low, bracket.high
    if high - low <= max(axis.step, _NARROW * (axis.high - axis.low)):
        return None
    knob = bracket.crossing()
    if not axis.step:
        return knob
    # A crossing may round to an end of the bracket: its neighbour inside is the nearest that is new.
    return min(max(axis.clamp(knob), low + axis.step), high - axis.step)
