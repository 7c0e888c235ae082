"""Find the setting of an encoder that comes nearest to a goal without overstepping it.

The kernel knows no format, no bytes and no score: it sees a function that grows with a parameter and looks for the
largest parameter at which it is not above zero. Two goals are put in front of it, a size and a score.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from leanpix.engine.codecs.prior import PriorCurve

MAX_TRIES = 10
_OVERSHOOT = 1.15
_MARGIN = 0.002
_LEAST_SLOPE = 0.25
_HALVE_EVERY = 6
_NARROW = 1e-3
_SAME = 1e-9


ToGrid = Callable[[float], float]


def _anywhere(place: float) -> float:
    return place


@dataclass(frozen=True, slots=True)
class Axis:
    """Where to look: a range, the place to try first, and the nearest place that can really be set.

    slope is the prior guess of how fast the measured value grows along the axis.
    """

    low: float
    high: float
    start: float
    slope: float = 1.0
    to_grid: ToGrid = _anywhere

    def clamp(self, place: float) -> float:
        """The nearest place in the range that can be set."""
        return self.to_grid(min(max(place, self.low), self.high))


@dataclass(slots=True)
class _Bracket:
    """Every measurement so far, as (parameter, value), and the two of them that enclose zero most closely."""

    points: list[tuple[float, float]] = field(default_factory=list)
    low: float = -math.inf
    high: float = math.inf

    def note(self, parameter: float, value: float) -> None:
        """Take a measurement in; values need not be perfectly monotone, the bracket only ever shrinks."""
        self.points.append((parameter, value))
        if value <= 0:
            self.low = max(self.low, parameter)
        else:
            self.high = min(self.high, parameter)

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

        Where both lie on one side of zero it may cross at an end or outside: then the line through the bracket's ends
        counts, for steps along its edge would use up the tries. Every sixth step halves the bracket instead: a bent
        curve can hold one end for ever.
        """
        width = self.high - self.low
        low, high = self.low + _MARGIN * width, self.high - _MARGIN * width
        if len(self.points) % _HALVE_EVERY == 0:
            return self.low + width / 2
        nearest_two = sorted(self.points, key=lambda point: abs(point[1]))[:2]
        ends = [point for point in self.points if point[0] in {self.low, self.high}]
        crossings = (_crossing_of(*line) for line in (nearest_two, ends[:1] + ends[-1:]))
        return next((place for place in crossings if low < place < high), self.low + width / 2)


def _crossing_of(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Where the line through two points crosses zero; infinite where it does not."""
    (x0, y0), (x1, y1) = first, second
    return math.inf if y0 == y1 else x0 - y0 * (x1 - x0) / (y1 - y0)


@dataclass(frozen=True, slots=True)
class EncoderParam:
    """A parameter to be turned: what is typical along it, and the nearest setting that it really has."""

    curve: PriorCurve
    to_grid: ToGrid = _anywhere

    def at(self, value: float) -> float:
        """The setting at which a value is typical."""
        return self.to_grid(self.curve.parameter(value))


@dataclass(frozen=True, slots=True)
class Bound:
    """A value to come near to from one side: is_floor, from above it, else from below. Within tolerance is enough."""

    value: float
    tolerance: float
    is_floor: bool


def nearest(
    measure: Callable[[float], float],
    parameter: EncoderParam,
    bound: Bound,
    *,
    max_tries: int = MAX_TRIES,
    may_continue: Callable[[], bool] = lambda: True,
) -> float | None:
    """The setting found whose value comes nearest to a bound without crossing it; values grow with the parameter."""
    curve, sign = parameter.curve, -1 if bound.is_floor else 1
    low, high = sorted((sign * curve.lowest, sign * curve.highest))
    axis = Axis(low, high, sign * bound.value, to_grid=lambda place: sign * curve.value(parameter.at(sign * place)))
    place = approach(
        lambda place: sign * (measure(parameter.at(sign * place)) - bound.value),
        axis,
        tolerance=bound.tolerance,
        max_tries=max_tries,
        may_continue=may_continue,
    )
    return None if place is None else parameter.at(sign * place)


def approach(
    measure: Callable[[float], float],
    axis: Axis,
    *,
    tolerance: float,
    max_tries: int = MAX_TRIES,
    may_continue: Callable[[], bool] = lambda: True,
) -> float | None:
    """The place with the largest value found that is at most zero; None where even the lowest place is above.

    Ends as soon as a value lies in [-tolerance, 0], when the range is used up, after max_tries measurements or
    when may_continue says no; with nothing at or below zero by then, the lowest place is the last one measured.
    Aims at the middle of the tolerance. No place is measured twice.
    """
    aim = tolerance / 2
    bracket, tried = _Bracket(), list[float]()
    place: float | None = axis.clamp(axis.start - aim / axis.slope)
    best: tuple[float, float] | None = None
    while place is not None and len(tried) < max_tries:
        if tried and not may_continue():
            if best is not None or not _is_new(axis.clamp(axis.low), tried):
                break
            place = axis.clamp(axis.low)
        tried.append(place)
        value = measure(place)
        if value <= 0 and (best is None or value > best[1]):
            best = (place, value)
        if -tolerance <= value <= 0 or _at_end(axis, place, value):
            break
        bracket.note(place, value + aim)
        place = _following(axis, bracket, tried)
    return best[0] if best else None


def _at_end(axis: Axis, place: float, value: float) -> bool:
    return (place <= axis.clamp(axis.low) and value > 0) or (place >= axis.clamp(axis.high) and value <= 0)


def _following(axis: Axis, bracket: _Bracket, tried: list[float]) -> float | None:
    """The place to measure next, or None when nothing new is left to learn."""
    if not bracket.is_closed:
        return _beyond(axis, bracket, tried)
    if bracket.high - bracket.low <= _NARROW * (axis.high - axis.low):
        return None
    # A crossing may to_grid to an end of the bracket: then the middle is the surest place that may still be new.
    candidates = (bracket.crossing(), (bracket.low + bracket.high) / 2)
    return next((place for place in map(axis.clamp, candidates) if _is_new(place, tried)), None)


def _beyond(axis: Axis, bracket: _Bracket, tried: list[float]) -> float | None:
    """Further along, as far as the measurements say and a little more; at most a step that snaps back moves on."""
    place, value = bracket.points[-1]
    overshoot = _OVERSHOOT if len(tried) > 1 else 1.0
    stride = -overshoot * value / bracket.slope(axis.slope)
    for factor in (1, 2, 4, 8):
        following = axis.clamp(place + factor * stride)
        if _is_new(following, tried):
            return following
    return None


def _is_new(place: float, tried: list[float]) -> bool:
    return all(abs(place - other) > _SAME for other in tried)
