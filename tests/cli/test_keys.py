"""Keys by the command line: what is no number of credits is told, and each key is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.operator import command, refusal


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    made = command("keys", "create", "--name", "a\nshop\tü", "--credits", "3", "--init", "--data-dir", folder)
    assert made.returncode == 0, made.stderr
    return folder


def keys(folder: Path) -> list[dict[str, object]]:
    lines = command("keys", "list", "--json", "--data-dir", folder).stdout.splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("credit", [0, 10**12 + 1, 2**63 - 1, 2**63, 10**20])
def test_credits_that_no_key_can_have_are_refused(data: Path, credit: int) -> None:
    (key,) = keys(data)
    line = refusal(command("keys", "topup", str(key["id"]), str(credit), "--data-dir", data))
    assert line == f"leanpix: credits='{credit}' is not allowed: an integer from 1 to 1000000000000"
    assert keys(data) == [key]
    if credit:
        line = refusal(command("keys", "create", "--name", "b", "--credits", str(credit), "--data-dir", data))
        assert line == f"leanpix: credits='{credit}' is not allowed: an integer from 0 to 1000000000000"
        assert keys(data) == [key]


def test_the_most_credits_are_added_and_stay_a_whole_number(data: Path) -> None:
    (key,) = keys(data)
    assert command("keys", "topup", str(key["id"]), str(10**12), "--data-dir", data).returncode == 0
    assert keys(data)[0]["credits"] == 10**12 + 3


def test_a_name_of_several_lines_is_listed_in_one(data: Path) -> None:
    lines = command("keys", "list", "--data-dir", data).stdout.splitlines()
    assert [line.split("  ")[-1] for line in lines] == ["a\\nshop\\tü"]
