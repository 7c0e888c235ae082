"""What `make` runs of the benchmarks finds what it imports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = re.compile(r"^\t@(?:PYTHONPATH=(\S+) )?\$\(PY\) -m (bench\.\w+)", re.MULTILINE)
PROGRAMS = RUN.findall((ROOT / "Makefile").read_text(encoding="utf-8"))


def test_there_are_some() -> None:
    assert {"bench.look", "bench.crops", "bench.steady"} <= {module for _, module in PROGRAMS}


@pytest.mark.parametrize(("path", "module"), PROGRAMS)
def test_a_program_starts_as_the_makefile_starts_it(path: str, module: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PYTHONPATH": path} if path else {}
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
