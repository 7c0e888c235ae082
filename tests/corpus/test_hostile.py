"""Files made to hurt a decoder: each ends as its manifest says, within the budget its own header gives it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from tests.support.corpus import CORPUS, SHARED

from leanpix.domain.states import TaskState

TOOLS = SHARED / "tools"
FAST_S = 5.0
SUCCEEDED = frozenset({TaskState.SUCCEEDED})
INVALID = frozenset({TaskState.INVALID_IMAGE})
OVER_LIMIT = frozenset({TaskState.NOT_MEETING_REQUIREMENTS})
REFUSED = INVALID | OVER_LIMIT
EITHER = SUCCEEDED | REFUSED
SIZES = {
    "jpg_exif_orientation_8_2x1.jpg": [16, 32],
    "gif_canvas_3000_frame_100.gif": [3000, 3000],
    "png_8000x8000_1bit.png": [8000, 8000],
}

Outcome = Mapping[str, object]


@cache
def _manifest() -> dict[str, str]:
    if not CORPUS.is_dir():
        return {"(no corpus)": ""}
    with (TOOLS / "hostile_manifest.tsv").open(encoding="utf-8", newline="") as file:
        return {row["file"]: row["expected"] for row in csv.DictReader(file, delimiter="\t")}


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """All of them decoded, in one program that forks a limited child a file."""
    if not CORPUS.is_dir():
        pytest.skip("the generator of hostile files is not beside this checkout")
    folder = tmp_path_factory.mktemp("hostile")
    subprocess.run(
        [sys.executable, TOOLS / "make_hostile.py", folder, "--base", CORPUS], check=True, stdout=subprocess.DEVNULL
    )
    program = Path(__file__).with_name("hostile_decoder.py")
    files = [folder / name for name in _manifest() if (folder / name).exists()]
    ran = subprocess.run([sys.executable, program, *files], check=True, capture_output=True, timeout=300)
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith(b"{")]
    return {str(line["file"]): line for line in lines}


def _states(name: str) -> frozenset[TaskState]:
    """The states that the manifest's words allow."""
    expected = _manifest()[name]
    if expected.startswith("rejected: pixels"):
        return OVER_LIMIT
    if expected.startswith("rejected as not") or name == "filenames.json":
        return INVALID
    # One rule for pictures that are cut short: they are invalid, never shown in part.
    if expected.startswith("clean error") and "or ok" not in expected:
        return REFUSED
    return EITHER if "clean error" in expected else SUCCEEDED


@pytest.mark.parametrize("name", _manifest())
def test_hostile_file_ends_as_its_manifest_says(name: str, outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes[name]
    assert "died" not in outcome
    assert outcome["state"] in _states(name)
    assert isinstance(outcome["cpu_s"], float)
    assert outcome["cpu_s"] < FAST_S
    if name in SIZES:
        assert outcome["size"] == SIZES[name]
