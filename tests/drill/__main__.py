"""`python -m tests.drill [EVENT...] [--no-page]`: what an operator meets, done to a cluster under load, and the page.

Every event by default, about ten minutes; named ones alone are printed and not written to the page.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.drill.events import EVENTS
from tests.drill.installation import Installation, installed
from tests.drill.traffic import Tally
from tests.support.pages import ROOT, commit, write_between
from tests.torture.figures import Figures

PAGE = ROOT / "docs" / "reliability-cluster.md"
_BEFORE_S = 3.0
_MOST_LINES = 12
_COLUMNS = (
    "what happened",
    "creates: failed",
    "queries: failed",
    "answers that were no JSON",
    "slowest answer",
    "whole again after",
    "accepted, lost or failed, wrong books",
    "files left until their task goes, for good",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An event as its row and its lines have it."""

    title: str
    tally: Tally
    whole_s: float | None
    failed: int
    wrong_books: int
    left_over: tuple[int, int]
    lines: list[str]

    @property
    def is_good(self) -> bool:
        """Whether nothing that was accepted is lost, and the cluster was whole again."""
        return self.whole_s is not None and not (self.failed or self.wrong_books or self.left_over[1])

    def row(self) -> str:
        tally = self.tally
        whole = "**not whole**" if self.whole_s is None else f"{self.whole_s:.1f} s"
        cells = (
            self.title,
            f"{tally.creates}: {_told(tally.failed_creates)}",
            f"{tally.queries}: {_told(tally.failed_queries)}",
            str(tally.not_json),
            f"{tally.slowest_s:.1f} s",
            whole,
            f"{len(set(tally.accepted))}, {self.failed}, {self.wrong_books}",
            "{}, {}".format(*self.left_over),
        )
        return f"| {' | '.join(cells)} |"

    def told_lines(self) -> str:
        shown = [f"- `{line}`" for line in self.lines[:_MOST_LINES]] or ["- nothing"]
        more = [f"- and {len(self.lines) - _MOST_LINES} more"] if len(self.lines) > _MOST_LINES else []
        return "\n".join([f"**{self.title[:1].upper()}{self.title[1:]}**", "", *shown, *more, ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="*", metavar="EVENT", help=f"of {', '.join(EVENTS)}; default: all")
    parser.add_argument("--no-page", action="store_true", help="write nothing")
    given = parser.parse_args()
    unknown = set(given.events) - set(EVENTS)
    if unknown:
        parser.error(f"no such event: {', '.join(sorted(unknown))}; there are {', '.join(EVENTS)}")
    figures = Figures(command="make drill", measured=commit())
    folder = Path(tempfile.mkdtemp(prefix="leanpix-drill-"))
    try:
        outcomes = _drill(folder, given.events or list(EVENTS))
    except pytest.skip.Exception as missing:
        sys.stderr.write(f"the drill takes PostgreSQL, an S3 store, pgbouncer, HAProxy and Caddy: {missing}\n")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not given.events and not given.no_page:
        write_between(PAGE, "drill", _page(figures, outcomes))
    return int(not all(outcome.is_good for outcome in outcomes))


def _drill(folder: Path, names: list[str]) -> list[Outcome]:
    outcomes = []
    with installed(folder) as installation:
        for name in names:
            outcomes.append(_outcome(installation, name))
            sys.stdout.write(f"{outcomes[-1].row()}\n{outcomes[-1].told_lines()}\n")
            sys.stdout.flush()
    return outcomes


def _outcome(installation: Installation, name: str) -> Outcome:
    """Clients at work, then the event, until all is whole again; then the books, the files and the logs."""
    title, happens = EVENTS[name]
    installation.lines()
    left_before = installation.left_over_now()
    begun = time.time()
    with installation.clients.at_work() as tally:
        time.sleep(_BEFORE_S)
        done = happens(installation)
        whole_s = installation.whole_after(done.since, list(tally.accepted))
    accepted = tally.accepted
    deadline = time.monotonic() + 60
    while installation.unended(accepted) and time.monotonic() < deadline:
        time.sleep(0.2)
    failed = installation.failed(accepted) + installation.unended(accepted)
    left_over = installation.left_over(left_before)
    lines = installation.lines(done.others)
    return Outcome(title, tally, whole_s, failed, installation.wrong_books(begun), left_over, lines)


def _told(failures: Counter[str]) -> str:
    return ", ".join(f"{count} x {kind}" for kind, count in failures.most_common()) or "none failed"


def _page(figures: Figures, outcomes: list[Outcome]) -> str:
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}\n"
    rows = "\n".join(outcome.row() for outcome in outcomes)
    lines = "\n".join(outcome.told_lines() for outcome in outcomes)
    return f"{figures.setting()}{head}{rows}\n\n### What the logs said\n\n{lines}"


if __name__ == "__main__":
    sys.exit(main())
