"""What passes between the parts of a batch: the pictures found, and what came of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Any

from leanpix.domain.holding import Holding, in_order
from leanpix.domain.report import Advice


@dataclass(frozen=True, slots=True)
class Source:
    """A picture to work on: where it is, and its path within a mirrored tree."""

    path: Path
    relative: PurePath


@dataclass(frozen=True, slots=True)
class WorstPlace:
    """A window of a picture, in shares of its sides from the upper left."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> WorstPlace | None:
        """Where a result looks worst, by a report's fields; None where it names no place that this version knows."""
        try:
            worst, width, height = report["worst"], int(report["width_px"]), int(report["height_px"])
            return cls(
                worst["left_px"] / width,
                worst["top_px"] / height,
                worst["width_px"] / width,
                worst["height_px"] / height,
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None


class Outcome(StrEnum):
    """What came of a picture."""

    COMPRESSED = "compressed"
    KEPT = "kept"
    COPIED = "copied"
    DONE = "done before"
    DELETED = "deleted"
    LEFT = "left alone"
    RESTORED = "restored"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    NOT_BEGUN = "not begun"


@dataclass(frozen=True, slots=True)
class Item:
    """One picture's end. Sizes in bytes; target is where the result is, or would be in a dry run.

    size_after equals size_before for a picture that is kept as it is; of what an earlier run has done both are its
    sizes then, where that is remembered. message says why, for what has no result.
    lost: what the source's file held and the result's does not, or would not. advice: a format that would take less
    than half of the result's bytes at the same look.
    """

    path: PurePath
    outcome: Outcome
    size_before: int = 0
    size_after: int = 0
    target: PurePath | None = None
    score: float | None = None
    message: str = ""
    lost: tuple[Holding, ...] = ()
    advice: Advice | None = None

    @property
    def saved_share(self) -> float:
        """The share of the bytes that was saved, 0 to 1; below 0 for a result that grew on request."""
        return 1 - self.size_after / self.size_before if self.size_before else 0.0


def shown_path(path: PurePath) -> str:
    """A path as text that can be printed anywhere; bytes in it that are no UTF-8 are shown as such."""
    return str(path).encode(errors="backslashreplace").decode()


@dataclass(slots=True)
class Sizes:
    """Bytes before and after."""

    before: int = 0
    after: int = 0

    def add(self, item: Item) -> None:
        """Take in a picture's."""
        self.before += item.size_before
        self.after += item.size_after

    @property
    def saved_share(self) -> float:
        """The share of all bytes that was saved, 0 to 1."""
        return 1 - self.after / self.before if self.before else 0.0


@dataclass(slots=True)
class Losses:
    """What results do not have that their sources had: of each kind how many pictures, and one of them."""

    _kinds: dict[Holding, tuple[int, PurePath]] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        """Take in a picture's."""
        for kind in item.lost if item.outcome is Outcome.COMPRESSED else ():
            count, path = self._kinds.get(kind, (0, item.path))
            self._kinds[kind] = count + 1, path

    def in_order(self) -> Iterator[tuple[Holding, int, PurePath]]:
        """Kind, number and example, what matters most first."""
        for kind in in_order(self._kinds):
            yield kind, *self._kinds[kind]


@dataclass(slots=True)
class Totals:
    """What a batch came to: this run by itself, and with what earlier runs have done of the same pictures."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    this_run: Sizes = field(default_factory=Sizes)
    all_runs: Sizes = field(default_factory=Sizes)

    def add(self, item: Item) -> None:
        """Count an item; bytes only of pictures that are done."""
        self.counts[item.outcome] += 1
        if item.outcome in {Outcome.COMPRESSED, Outcome.KEPT}:
            self.this_run.add(item)
        if item.outcome in {Outcome.COMPRESSED, Outcome.KEPT, Outcome.DONE}:
            self.all_runs.add(item)

    @property
    def pictures(self) -> int:
        """How many pictures there are, those included that were not begun."""
        return self.counts.total()

    @classmethod
    def of(cls, items: Sequence[Item], pictures: int = 0) -> Totals:
        """The totals of items; of so many pictures, the rest of which were not begun."""
        totals = cls()
        for item in items:
            totals.add(item)
        if pictures > len(items):
            totals.counts[Outcome.NOT_BEGUN] = pictures - len(items)
        return totals
