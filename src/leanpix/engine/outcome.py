"""What a strategy hands back, and the counting wrapper through which every encoder is run."""

from __future__ import annotations

from dataclasses import dataclass, field

from leanpix.engine.codecs.base import Encoded, Encoder


@dataclass(frozen=True, slots=True)
class Outcome:
    """The encoding that won, its score where it was measured, and the size it has after the dimensions shrank."""

    encoded: Encoded
    width_px: int
    height_px: int
    score: float | None = None
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Trials:
    """Runs one encoder, never twice at one knob, and counts."""

    encoder: Encoder
    done: dict[float, Encoded] = field(default_factory=dict)
    lossless_runs: int = 0

    @property
    def count(self) -> int:
        """How often the encoder ran."""
        return len(self.done) + self.lossless_runs

    def at(self, knob: float) -> Encoded:
        """The encoding at this knob."""
        if knob not in self.done:
            self.done[knob] = self.encoder.encode(knob)
        return self.done[knob]

    def at_quality(self, quality: float) -> Encoded:
        """The encoding at this quality, 1 to 100."""
        return self.at(self.encoder.axis.clamp(self.encoder.knob_for(quality)))

    def lossless(self, max_bytes: int) -> Encoded | None:
        """The lossless encoding, where there is one that fits."""
        self.lossless_runs += 1
        return self.encoder.lossless(max_bytes)
