"""What a strategy hands back, and the counting wrapper through which every encoder is run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.budget import Budget
from leanpix.engine.codecs.base import Encoded, Encoder

_RESERVE = 1.5
"""Another encode is begun only with this many times the slowest one's time left, and _SPARE_S for what follows."""

_SPARE_S = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The encoding that won, its score where it was measured, and the size it has after the dimensions shrank."""

    encoded: Encoded
    width_px: int
    height_px: int
    score: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class EncoderRuns:
    """Runs one encoder, never twice at one knob; counts, and watches the time."""

    encoder: Encoder
    budget: Budget
    done: dict[float, Encoded] = field(default_factory=dict)
    previewed: set[float] = field(default_factory=set)
    exact: list[Encoded | None] = field(default_factory=list)
    slowest_s: float = 0.0
    tried_elsewhere: int = 0
    is_refused: bool = False
    """Whether the encode that was wanted was found out to fall short before it was made."""

    exact_share: float | None = None
    """How many times a lossy encode's bytes a lossless one takes, as far as strips of a large drawing tell."""

    @property
    def count(self) -> int:
        """How often an encoder ran, on samples and at other sizes too."""
        return len(self.previewed | self.done.keys()) + len(self.exact) + self.tried_elsewhere

    def snap(self, knob: float) -> float:
        """The nearest knob on the grid that a search walks along."""
        return self.encoder.snap(knob)

    def at(self, knob: float) -> Encoded:
        """The encoding at a knob that came from snap."""
        if knob not in self.done:
            began_s = self.budget.spent_s()
            self.done[knob] = self.encoder.encode(knob)
            self.slowest_s = max(self.slowest_s, self.budget.spent_s() - began_s)
        return self.done[knob]

    def preview(self, knob: float) -> NDArray[np.uint8] | None:
        """The pixels of the encoding at a knob, where they are had for less than that; as slow as they were to make."""
        began_s = self.budget.spent_s()
        pixels = self.encoder.preview(knob)
        self.slowest_s = max(self.slowest_s, self.budget.spent_s() - began_s)
        if pixels is not None:
            self.previewed.add(knob)
        return pixels

    @property
    def highest(self) -> float:
        """The last knob of the encoder's range."""
        return self.snap(self.encoder.rates.points[-1][0])

    def of(self, encoder: Encoder) -> EncoderRuns:
        """Runs of another encoder under the same budget, as slow as these until it has run itself."""
        return EncoderRuns(encoder, self.budget, slowest_s=self.slowest_s)

    def take_in(self, others: EncoderRuns) -> None:
        """Count another encoder's runs with these."""
        self.tried_elsewhere += others.count

    def rate_at(self, knob: float, pixels: int) -> float:
        """log(bits per pixel) of the encoding at a knob."""
        return rate_of(len(self.at(knob).data), pixels)

    def lossless(self) -> Encoded | None:
        """The lossless encoding, where the format has one."""
        if not self.exact:
            self.exact.append(self.encoder.lossless())
        return self.exact[0]

    @property
    def finest_done(self) -> Encoded | None:
        """The encoding at the highest knob so far."""
        return self.done[max(self.done)] if self.done else None

    def may_continue(self) -> bool:
        """Whether another encode fits the time that is left."""
        return self.budget.allows(_RESERVE * self.slowest_s + _SPARE_S)


def rate_of(size_bytes: int, pixels: int) -> float:
    """log(bits per pixel), the unit in which encoders' rate curves are given."""
    return math.log(size_bytes * 8 / pixels)
