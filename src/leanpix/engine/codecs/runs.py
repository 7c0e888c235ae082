"""The memoised runs of one encoder: each setting once, counted, and never past the time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.budget import Budget
from leanpix.engine.codecs.base import Encoded, Encoder
from leanpix.engine.codecs.priors import SPARE_S

_RESERVE = 1.5
"""Another encode is begun only with this many times the slowest one's time left, and SPARE_S for what follows."""


@dataclass(slots=True)
class EncoderRuns:
    """Runs one encoder, never twice at one parameter; counts, and watches the time.

    seen_rates: log(bits per pixel) of parameters, as a sample has it.
    """

    encoder: Encoder
    budget: Budget
    done: dict[float, Encoded] = field(default_factory=dict)
    previewed: set[float] = field(default_factory=set)
    seen_rates: dict[float, float] = field(default_factory=dict)
    lossless_done: list[Encoded | None] = field(default_factory=list)
    slowest_s: float = 0.0
    counted_elsewhere: int = 0

    @property
    def count(self) -> int:
        """How often an encoder ran, on samples and at other sizes too."""
        return len(self.previewed | self.done.keys()) + len(self.lossless_done) + self.counted_elsewhere

    def to_grid(self, parameter: float) -> float:
        """The nearest parameter on the grid that a search walks along."""
        return self.encoder.to_grid(parameter)

    def at(self, parameter: float) -> Encoded:
        """The encoding at a parameter that came from to_grid."""
        if parameter not in self.done:
            began_s = self.budget.spent_s()
            self._let_go_of_shown()
            self.done[parameter] = self.encoder.encode(parameter)
            self.slowest_s = max(self.slowest_s, self.budget.spent_s() - began_s)
        return self.done[parameter]

    def _let_go_of_shown(self) -> None:
        """Of all encodes the pixels of one are in memory: who looks at another again decodes it."""
        for parameter, encoded in self.done.items():
            if encoded.shown is not None:
                self.done[parameter] = replace(encoded, shown=None)

    def preview(self, parameter: float) -> NDArray[np.uint8] | None:
        """The pixels of the encoding at a parameter, where they are had for less; as slow as they were to make."""
        began_s = self.budget.spent_s()
        pixels = self.encoder.preview(parameter)
        self.slowest_s = max(self.slowest_s, self.budget.spent_s() - began_s)
        if pixels is not None:
            self.previewed.add(parameter)
        return pixels

    @property
    def highest(self) -> float:
        """The last parameter of the encoder's range."""
        return self.to_grid(self.encoder.rates.points[-1][0])

    def fork(self, encoder: Encoder) -> EncoderRuns:
        """Runs of another encoder under the same budget, as slow as these until it has run itself."""
        return EncoderRuns(encoder, self.budget, slowest_s=self.slowest_s)

    def add_counts(self, others: EncoderRuns) -> None:
        """Count another encoder's runs with these."""
        self.counted_elsewhere += others.count

    def rate_at(self, parameter: float, pixels: int) -> float:
        """log(bits per pixel) of the encoding at a parameter."""
        return rate_of(len(self.at(parameter).data), pixels)

    def known_rates(self, pixels: int) -> dict[float, float]:
        """log(bits per pixel) of what was encoded at so many pixels, and of what a sample told."""
        return self.seen_rates | {parameter: rate_of(len(one.data), pixels) for parameter, one in self.done.items()}

    def lossless(self) -> Encoded | None:
        """The lossless encoding, where the format has one."""
        if not self.lossless_done:
            self.lossless_done.append(self.encoder.lossless())
        return self.lossless_done[0]

    @property
    def finest_done(self) -> Encoded | None:
        """The encoding at the highest parameter so far."""
        return self.done[max(self.done)] if self.done else None

    def typical_bytes_a_pixel(self, quality: float | None, score: float | None) -> float:
        """What is typical at a quality, or else at a score."""
        encoder = self.encoder
        parameter = encoder.scores.parameter(score or 0.0) if quality is None else encoder.param_for(quality)
        return math.exp(encoder.rates.value(parameter)) / 8

    def may_continue(self) -> bool:
        """Whether another encode fits the time that is left."""
        return self.budget.allows(_RESERVE * self.slowest_s + SPARE_S)


def rate_of(size_bytes: int, pixels: int) -> float:
    """log(bits per pixel), the unit in which encoders' rate curves are given."""
    return math.log(size_bytes * 8 / pixels)
