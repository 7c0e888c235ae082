"""Pages that are made from the code say what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("script", "target"), [("configuration_table.py", "docs-settings"), ("states_page.py", "docs-states")]
)
def test_a_generated_page_is_current(script: str, target: str) -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / script, "--check"], check=False)
    assert done.returncode == 0, f"run `make {target}`"
