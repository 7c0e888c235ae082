"""What an encoder's rate and score typically are along its knob: the prior that a search starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class PriorCurve:
    """What a value typically is along a knob, as (knob, value) points; both grow from point to point.

    The search runs along the typical value instead of the knob: there the real values lie near a straight line of
    slope 1, whatever the knob's own units are, and the first guess is the goal itself.
    """

    points: tuple[tuple[float, float], ...]

    def value(self, knob: float) -> float:
        """The typical value at a knob."""
        return float(np.interp(knob, [point[0] for point in self.points], [point[1] for point in self.points]))

    def knob(self, value: float) -> float:
        """The knob at which a value is typical."""
        return float(np.interp(value, [point[1] for point in self.points], [point[0] for point in self.points]))

    def raised(self, by: float) -> PriorCurve:
        """The same with every value higher by this much."""
        return PriorCurve(tuple((knob, value + by) for knob, value in self.points))

    def start_at(self, knob: float) -> PriorCurve:
        """The part of the curve from a knob on."""
        return PriorCurve(((knob, self.value(knob)), *(point for point in self.points if point[0] > knob)))

    @property
    def lowest(self) -> float:
        """The first point's value."""
        return self.points[0][1]

    @property
    def highest(self) -> float:
        """The last point's value."""
        return self.points[-1][1]
