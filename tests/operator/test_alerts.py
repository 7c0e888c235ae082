"""The alerts of deploy/prometheus: taken by promtool, raised when they should be, each with an entry in the runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.alerts import PROMETHEUS, alerts

ROOT = Path(__file__).resolve().parents[2]
ALERTS = alerts()
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()


def promtool(*words: str) -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("PROMETHEUS IS NOT HERE: Debian's package `prometheus` has promtool")
    done = subprocess.run([found, *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", "leanpix.rules.yml")


def test_promtool_takes_the_configuration() -> None:
    assert "SUCCESS" in promtool("check", "config", "--syntax-only", "prometheus.yml")


def test_alerts_are_raised_when_they_should_be() -> None:
    assert "SUCCESS" in promtool("test", "rules", "leanpix.tests.yml")


def test_a_rule_that_is_wrong_is_found(tmp_path: Path) -> None:
    """The tests of promtool are no formality: with the time taken out of a rule they fail."""
    rules = (
        (PROMETHEUS / "leanpix.rules.yml").read_text().replace("leanpix_database_up == 0", "leanpix_database_up < 0")
    )
    (tmp_path / "leanpix.rules.yml").write_text(rules)
    shutil.copy(PROMETHEUS / "leanpix.tests.yml", tmp_path)
    promtool("--version")
    done = subprocess.run(
        ["promtool", "test", "rules", "leanpix.tests.yml"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode != 0


def test_each_alert_has_an_entry_in_the_runbook_and_each_entry_an_alert() -> None:
    assert re.findall(r"^## (Leanpix\w+)$", RUNBOOK, re.MULTILINE) == [alert.name for alert in ALERTS]
    for alert in ALERTS:
        assert alert.runbook_url.endswith(f"/runbook.html#{alert.name.lower()}")


@pytest.mark.parametrize("entry", re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:], ids=lambda text: text.split()[0])
def test_an_entry_says_what_clients_see_and_what_to_do(entry: str) -> None:
    assert "**Clients**: " in entry
    assert re.search(r"\*\*[Dd]o\*\*:\s", entry)
