"""Where a format may be called by its name: a new one is written where formats are known, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[2] / "src" / "leanpix" / "engine"
KNOW_FORMATS = ("codecs/", "reading/", "resources.py")
NAMED = re.compile(r"\b(?:Output|Source)Format\.[A-Z]+\b")


def test_only_codecs_headers_and_the_table_of_costs_name_formats() -> None:
    naming = {
        f"{file.relative_to(ENGINE)}: {name}"
        for file in ENGINE.rglob("*.py")
        if not str(file.relative_to(ENGINE)).startswith(KNOW_FORMATS)
        for name in NAMED.findall(file.read_text(encoding="utf-8"))
    }
    assert naming == set()


def test_those_are_found_where_they_stand() -> None:
    assert all(NAMED.search((ENGINE / name).read_text()) for name in ("codecs/priors.py", "resources.py"))
