"""Options of `leanpix compress` that contradict each other or the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from leanpix.cli import app


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--in-place", "-o", "x"], "exclude each other"),
        (["-o", "."], "--in-place"),
        (["--quality", "101"], "quality='101'"),
        (["--quality", "5", "--max-kb", "9"], "not both"),
        (["--format", "avif"], "jpg, png or webp"),
        (["--width", "9000"], "width='9000'"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["compress", ".", *words])
    assert (done.exit_code, told in done.stderr) == (2, True)
