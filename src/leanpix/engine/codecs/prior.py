"""What an encoder's rate and score typically are along its parameter: the prior that a search starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class PriorCurve:
    """What a value typically is along a parameter, as (parameter, value) points; both grow from point to point.

    The search runs along the typical value instead of the parameter: there the real values lie near a straight line of
    slope 1, whatever the parameter's own units are, and the first guess is the goal itself.
    """

    points: tuple[tuple[float, float], ...]

    def value(self, parameter: float) -> float:
        """The typical value at a parameter."""
        return float(np.interp(parameter, [point[0] for point in self.points], [point[1] for point in self.points]))

    def parameter(self, value: float) -> float:
        """The parameter at which a value is typical."""
        return float(np.interp(value, [point[1] for point in self.points], [point[0] for point in self.points]))

    def biased(self, by: float) -> PriorCurve:
        """The same with every value higher by this much."""
        return PriorCurve(tuple((parameter, value + by) for parameter, value in self.points))

    def start_at(self, parameter: float) -> PriorCurve:
        """The part of the curve from a parameter on."""
        return PriorCurve(
            ((parameter, self.value(parameter)), *(point for point in self.points if point[0] > parameter))
        )

    @property
    def lowest(self) -> float:
        """The first point's value."""
        return self.points[0][1]

    @property
    def highest(self) -> float:
        """The last point's value."""
        return self.points[-1][1]
