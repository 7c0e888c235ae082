"""The time a compression may take, and how hard the encoders may try within it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

DEFAULT_CPU_S = 25.0
"""Clients poll for at most 30 s: what is left of those goes to reading, storing and the queue."""


class Effort(StrEnum):
    """How hard an encoder tries; the report names it."""

    FULL = "full"
    REDUCED = "reduced"
    MINIMAL = "minimal"


_FULL_PIXELS = 16_000_000
_REDUCED_PIXELS = 36_000_000
_REDUCED_BELOW_S = 16.0
_MINIMAL_BELOW_S = 8.0


@dataclass(slots=True)
class Budget:
    """A number of seconds that began when this object was made.

    clock returns seconds; the default counts the CPU time of this process, which is what a busy machine leaves
    unchanged. The engine reads no clock but this one.
    """

    limit_s: float = DEFAULT_CPU_S
    clock: Callable[[], float] = time.process_time
    started_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.started_s = self.clock()

    def spent_s(self) -> float:
        """Seconds used so far."""
        return self.clock() - self.started_s

    def left_s(self) -> float:
        """Seconds still to be used; negative when overdrawn."""
        return self.limit_s - self.spent_s()

    def reserving(self, reserved_s: float) -> Budget:
        """The same time less some seconds that are kept for what comes later, at most half of the whole."""
        shorter = replace(self, limit_s=self.limit_s - min(reserved_s, self.limit_s / 2))
        shorter.started_s = self.started_s
        return shorter

    def allows(self, cost_s: float) -> bool:
        """Whether something that takes cost_s can still be afforded."""
        return self.left_s() >= cost_s

    def effort(self, pixels: int) -> Effort:
        """How hard to try on a picture of so many pixels (all frames together) with the time that is left."""
        left_s = self.left_s()
        if pixels > _REDUCED_PIXELS or left_s < _MINIMAL_BELOW_S:
            return Effort.MINIMAL
        if pixels > _FULL_PIXELS or left_s < _REDUCED_BELOW_S:
            return Effort.REDUCED
        return Effort.FULL
