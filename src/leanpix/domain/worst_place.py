"""Where a picture looks worst beside its source, and by what measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Measure(StrEnum):
    """What the local criterion measures at a place."""

    THIN_COLOUR = "thin colour"
    GROUND = "ground"
    CONTOURS = "contours"
    FAINT = "faint"
    LINES = "lines"
    LEVELS = "levels"
    WINDOW = "window"


UNTOLD = frozenset({"is_slight"})
"""Fields of a worst place that no report holds."""


@dataclass(frozen=True, slots=True)
class WorstPlace:
    """Where a result looks worst: a window of the result in pixels, what was measured there, and its bound.

    is_slight: over its bound by little and in few places, of a picture that has more to show. Not told: it only decides
    what a mend may cost.
    """

    measure: Measure
    value: float
    bound: float
    left_px: int
    top_px: int
    width_px: int
    height_px: int
    is_slight: bool = False

    @property
    def ratio(self) -> float:
        """The value as a multiple of its bound: over 1, a person sees it."""
        return self.value / self.bound

    def fields(self) -> dict[str, object]:
        """Its values by name, as JSON takes them."""
        named = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in UNTOLD}
        return named | {"measure": self.measure.value, "value": round(self.value, 2)}

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> WorstPlace:
        """The inverse of fields."""
        return cls(**{**found, "measure": Measure(found["measure"])})
