"""The pictures that a report shows: those that saved the most and the least, kept while both sides are at hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from leanpix.cli.batch.items import Source, WorstPlace
from leanpix.domain.formats import OutputFormat

_MOST = 6
_MAX_BYTES = 2 * 1024 * 1024
_OTHER_TYPES = {b"GIF8": "image/gif", b"BM": "image/bmp"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture before and after, as it was and not scaled: what is to be judged is every pixel of it."""

    path: Path
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    worst: WorstPlace | None = None

    @property
    def saved_share(self) -> float:
        """The share of the bytes that was saved."""
        return 1 - len(self.after) / len(self.before)


class Showcase:
    """Keeps a few pairs, whatever the batch's size. Pictures over 2 MB would make a report that nobody can open."""

    def __init__(self) -> None:
        self.best: list[Shown] = []
        self.worst: list[Shown] = []
        self._lock = threading.Lock()

    def see(self, source: Source, before: bytes, after: bytes, worst: WorstPlace | None = None) -> None:
        """Take the pair in, if it is among the best or the worst so far."""
        if len(before) > _MAX_BYTES or not before:
            return
        shown = Shown(source.path, before, after, worst)
        with self._lock:
            self.best = _first(self.best, shown, lambda s: -s.saved_share)
            self.worst = _first(self.worst, shown, lambda s: s.saved_share)


def _first(kept: list[Shown], another: Shown, order: Callable[[Shown], float]) -> list[Shown]:
    return sorted([*kept, another], key=order)[:_MOST]


def media_type_of(content: bytes) -> str | None:
    """The media type of what a browser can show; None for all else."""
    known = OutputFormat.of(content)
    if known is not None:
        return known.media_type
    return next((kind for start, kind in _OTHER_TYPES.items() if content.startswith(start)), None)
