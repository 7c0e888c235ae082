"""Each decision has a number, a title and a status that says whether it still holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DECISIONS = sorted((Path(__file__).resolve().parents[2] / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_is_numbered_titled_and_says_what_has_become_of_it(page: Path) -> None:
    title, blank, status = page.read_text(encoding="utf-8").split("\n", 3)[:3]
    assert re.fullmatch(rf"# {page.name[:4]}: \S.*", title), title
    assert blank == ""
    assert re.match(r"Status: (holds|overtaken|its choice is overtaken|withdrawn|dropped)\b", status), status


def test_no_number_stands_for_two_decisions() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(numbers) == len(set(numbers))
