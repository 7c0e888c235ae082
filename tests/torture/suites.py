"""Claims that the ordinary suite proves case by case: run again here and counted."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.torture.figures import Figures

_SUITES = {
    "addresses: every reference case, and a canary that must see no connection": "tests/unit/fetching",
    "sandbox: escapes tried from inside a decoding process": "tests/worker/test_sandbox.py",
    "secrets planted in requests and settings, looked for in log, files and answers": "tests/e2e/test_secrets.py",
}


def torture_suites(figures: Figures) -> None:
    for claim, path in _SUITES.items():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path]
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
        summary = ran.stdout.strip().splitlines()[-1]
        counted = re.sub(r" in .*", "", summary.strip("= "))
        figures.add("the ordinary suite", claim, counted, good=ran.returncode == 0)
