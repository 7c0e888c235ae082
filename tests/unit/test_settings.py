"""Settings: documented, bounded, and refused with their name."""

from __future__ import annotations

from pathlib import Path

import pytest

from leanpix.batch_settings import BatchSettings, read_batch_settings
from leanpix.settings import PREFIX, Settings, SettingsError, read_settings

DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_with_its_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description, f"{name} has no description"
    rows = [row for row in DOCUMENTED.read_text().splitlines() if row.startswith(f"| `{PREFIX}{name.upper()}` |")]
    assert len(rows) == 1, "run `make docs-settings`"
    assert rows[0].endswith(f"| {field.description} |"), "run `make docs-settings`"


def test_no_setting_is_documented_that_does_not_exist() -> None:
    named = {row.split("`")[1] for row in DOCUMENTED.read_text().splitlines() if row.startswith(f"| `{PREFIX}")}
    assert named == {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def test_the_environment_sets_and_an_option_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANPIX_PORT", "9001")
    monkeypatch.setenv("LEANPIX_FETCH_PORTS", "80,443,8080")
    assert read_settings().port == 9001
    assert read_settings(port=9002).port == 9002
    assert read_settings(port=None).fetch_ports == (80, 443, 8080)


def test_a_batch_reads_the_environment_as_the_service_does(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"WORKERS": "3", "TARGET_SCORE": "81.5", "SANDBOX": "off", "SERVER": "http://127.0.0.1:8000", "KEY": "lp_1"}
    for name, value in told.items():
        monkeypatch.setenv(f"LEANPIX_{name}", value)
    monkeypatch.setenv("leanpix_memory_mb", "512")
    whole, batch = read_settings(), read_batch_settings()
    assert batch.model_dump() == whole.model_dump(include=set(BatchSettings.model_fields))
    assert (batch.workers, batch.target_score, batch.memory_mb) == (3, 81.5, 512)
    assert read_batch_settings(workers=5, key=None).model_dump(include={"workers", "key"}) == {
        "workers": 5,
        "key": "lp_1",
    }


def test_a_batch_refuses_a_wrong_value_by_name_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANPIX_WORKERS", "many")
    with pytest.raises(SettingsError, match="LEANPIX_WORKERS='many'"):
        read_batch_settings()


@pytest.mark.parametrize(("name", "value"), [("PORT", "70000"), ("WORKERS", "-1"), ("SANDBOX", "maybe")])
def test_a_wrong_value_is_refused_by_name_and_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"LEANPIX_{name}", value)
    with pytest.raises(SettingsError, match=f"LEANPIX_{name}='{value}'"):
        read_settings()
