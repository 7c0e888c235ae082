"""Runs of `leanpix compress` in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.server import LEANPIX


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment without this machine's settings, and with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LEANPIX_", "XDG_"))}
    return kept | {"HOME": str(home), "LEANPIX_WORKERS": "2", "COLUMNS": "120", "NO_PROXY": "*"} | more


@dataclass(frozen=True)
class Ran:
    """A run with --json that has ended."""

    code: int
    rows: list[dict[str, Any]]
    summary: dict[str, Any]
    errors: str

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each picture by its file name."""
        return {Path(row["path"]).name: row["outcome"] for row in self.rows}


def compress(home: Path, *words: str | Path, **more: str) -> Ran:
    """Run `leanpix compress --json` to its end."""
    command = [str(LEANPIX), "compress", "--json", *map(str, words)]
    done = subprocess.run(
        command, env=environment(home, **more), capture_output=True, text=True, timeout=120, check=False
    )
    return ran(done.returncode, done.stdout, done.stderr)


def ran(code: int, output: str, errors: str) -> Ran:
    """What a run with --json has said."""
    rows: list[Mapping[str, Any]] = [json.loads(line) for line in output.splitlines()]
    summaries = [dict(row["summary"]) for row in rows if "summary" in row]
    return Ran(code, [dict(row) for row in rows if "summary" not in row], (summaries or [{}])[-1], errors)
