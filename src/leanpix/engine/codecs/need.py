"""What a result has to meet, and the verdict on an encode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Criterion(StrEnum):
    """A measure of quality; more is better.

    SCORE: SSIMULACRA2 of the whole picture, a mean. One that looks at the worst place is one more value here and one
    more line in goals.verdict.
    """

    SCORE = "ssimulacra2"


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked of a result; made from the options once, and all that codecs and goals know of them.

    setting: a quality of 1 to 100. max_bytes: the size that the best picture is wanted within. least: what each
    criterion has to reach. never_over_bytes: the source's size where format and dimensions stay, for the result must
    not grow. keeps_dimensions: no fewer pixels, however few bytes there are.
    """

    setting: float | None = None
    max_bytes: int | None = None
    least: Mapping[Criterion, float] = field(default_factory=dict)
    never_over_bytes: int | None = None
    keeps_dimensions: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the result a criterion found its worst: a rectangle in pixels."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an encode meets the need. score: SSIMULACRA2, None if nobody asked. worst: where it is furthest off."""

    passes: bool
    score: float | None = None
    worst: Place | None = None
