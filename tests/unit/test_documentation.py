"""What README and docs point at is there."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.support.third_party import CLIENTS, SOURCES

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    relative = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    missing = [target for target in relative if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z][a-z-]*)", page.read_text()))
    assert named <= targets


def test_the_table_of_clients_names_the_versions_that_the_tests_run() -> None:
    page = (ROOT / "docs" / "tinify.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)`[^|]* \| (npm|PyPI|sources) \| ([\d.]+) \| (test_\w+\.py) \|", page, re.MULTILINE)
    run = {(client.name, client.registry, client.version) for client in CLIENTS}
    run |= {(name, "sources", source.version) for name, source in SOURCES.items()}
    run.add(("tinify", "PyPI", version("tinify")))
    assert {row[:3] for row in rows} == run
    assert [row[3] for row in rows if not (ROOT / "tests" / "e2e" / row[3]).exists()] == []
    assert [one.repository for one in SOURCES.values() if f"https://github.com/{one.repository} " not in page] == []
