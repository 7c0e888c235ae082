"""What `make audit` counts as a failure, over an index of our own: the real one's answers change from day to day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from scripts import audit
from tests.support.websites import website_of

LOCKED = {"lamp": {"1.0", "2.0"}, "rope": {"3.1"}}
LAMP_1 = audit.Unanswered("lamp", "1.0", "the last for an old Python", date(2030, 1, 31))


def record(index: Path, name: str, version: str, vulnerabilities: Sequence[dict[str, Any]] = ()) -> None:
    (index / name).mkdir()
    (index / name / "json").write_text(
        json.dumps({"info": {"version": version}, "vulnerabilities": list(vulnerabilities)})
    )


def failures(index: Path, accepted: set[str], excused: Sequence[audit.Unanswered]) -> list[str]:
    with website_of(index) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "INDEX", url)
        records = {name: audit.newest_record(name) for name in LOCKED}
    return list(audit.unknown(records, LOCKED, accepted, {(one.name, one.version): one for one in excused}))


def test_the_newest_release_answers_for_itself_alone(tmp_path: Path) -> None:
    record(tmp_path, "lamp", "2.0")
    record(tmp_path, "rope", "3.1")
    assert failures(tmp_path, set(), [LAMP_1]) == []
    (told,) = failures(tmp_path, set(), [])
    assert told.startswith("lamp 1.0: no record")


def test_a_release_that_is_no_longer_the_newest_is_not_answered_for(tmp_path: Path) -> None:
    record(tmp_path, "lamp", "2.0")
    record(tmp_path, "rope", "3.2")
    (told,) = failures(tmp_path, set(), [LAMP_1])
    assert told.startswith("rope 3.1: no record")


def test_what_is_known_against_a_release_is_told_unless_withdrawn_or_accepted(tmp_path: Path) -> None:
    known = {"id": "PYSEC-1", "aliases": ["CVE-1"], "withdrawn": None}
    withdrawn = {"id": "PYSEC-2", "aliases": [], "withdrawn": "2026-01-01T00:00:00Z"}
    record(tmp_path, "lamp", "2.0", [withdrawn])
    record(tmp_path, "rope", "3.1", [known])
    assert failures(tmp_path, set(), [LAMP_1]) == ["rope 3.1: CVE-1 PYSEC-1"]
    assert failures(tmp_path, {"CVE-1"}, [LAMP_1]) == []


def test_what_pip_audit_reports_is_told_unless_accepted() -> None:
    report: list[dict[str, Any]] = [
        {"name": "rope", "version": "3.1", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"]}]},
        {"name": "lamp", "skip_reason": "not found"},
    ]
    assert list(audit.known(report, set())) == ["rope 3.1: CVE-1 PYSEC-1"]
    assert list(audit.known(report, {"PYSEC-1"})) == []


def test_an_exception_ends_on_its_date() -> None:
    assert audit.in_force([LAMP_1], date(2030, 1, 31)) == [LAMP_1]
    assert audit.in_force([LAMP_1], date(2030, 2, 1)) == []


def test_no_exception_outlives_what_it_is_for() -> None:
    locked = audit.locked_versions((audit.TOP / "uv.lock").read_text())
    assert [one for one in audit.UNANSWERED if one.version not in locked.get(one.name, set())] == []
