"""The figures of a run, and the page they are written to."""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.support.pages import commit

PACKAGES = ("leanpix", "pyvips-binary", "pillow", "rawpy", "uvicorn", "sqlalchemy")
HEAD = """# Reliability

What `make torture` found, on real server processes over loopback. Written by the run itself: run it again to check
it. A row that says **missed** did not reach its bound in this run.

"""


@dataclass
class Figures:
    """Rows of section, claim, figure, and whether its bound was reached (None: only told)."""

    rows: list[tuple[str, str, str, bool | None]] = field(default_factory=list)
    command: str = "make torture"
    measured: str = field(default_factory=commit)
    started: float = field(default_factory=time.monotonic)

    def add(self, section: str, claim: str, figure: object, *, good: bool | None = None) -> None:
        self.rows.append((section, claim, str(figure), good))
        verdict = {True: "ok", False: "MISSED", None: "-"}[good]
        elapsed = time.monotonic() - self.started
        sys.stdout.write(f"{elapsed:7.0f} s  {verdict:6} {section}: {claim}: {figure}\n")
        sys.stdout.flush()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A part of the run: where it breaks off that is a bound missed, and what comes after it goes on."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as failure:  # noqa: BLE001 - pytest's own are no Exceptions
            traceback.print_exc()
            words = str(failure).strip().splitlines()
            told = f"{type(failure).__name__}: {words[0][:100] if words else ''}".replace("|", "/")
            self.add(name, "broke off", told, good=False)

    @property
    def missed(self) -> int:
        return sum(good is False for *_, good in self.rows)

    def sum_up(self, page: Path) -> None:
        """Print how many bounds were kept, and those that were not."""
        kept = sum(good is True for *_, good in self.rows)
        sys.stdout.write(f"\n{page.name}: {kept} bounds kept, {self.missed} missed\n")
        for section, claim, figure, good in self.rows:
            if good is False:
                sys.stdout.write(f"  {section}: {claim}: {figure}\n")
        sys.stdout.flush()

    def write(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD + self.text())

    def text(self) -> str:
        """What ran where, and the table."""
        return self.setting() + self._table()

    def setting(self) -> str:
        """What ran where and when, as a list."""
        minutes = (time.monotonic() - self.started) / 60
        packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        return (
            f"- Run: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {minutes:.0f} minutes, load average at its end {load}\n"
            f"- Command: `{self.command}`, of commit {self.measured}\n"
            f"- Machine: {os.cpu_count()} cores, Linux {platform.release()}, {platform.machine()}; the clients and"
            " whatever else ran there shared them\n"
            f"- Versions: Python {platform.python_version()}, {packages}\n\n"
        )

    def _table(self) -> str:
        lines = ["| what was done | what was counted | figure | bound |", "|---|---|---|---|"]
        verdicts = {True: "kept", False: "**missed**", None: ""}
        lines += [
            f"| {section} | {claim} | {figure} | {verdicts[good]} |" for section, claim, figure, good in self.rows
        ]
        return "\n".join(lines) + "\n"
