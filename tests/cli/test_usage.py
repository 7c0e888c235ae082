"""Options of `leanpix compress` that contradict each other or the contract."""

from __future__ import annotations

import subprocess
import sys
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
        (["--quality", "5", "--max-kb", "9"], "quality or --max-kb, not both"),
        (["--max-kb", "0"], "--max-kb='0' is not allowed: above 0, up to 51200"),
        (["--max-kb", "99999"], "--max-kb='99999' is not allowed"),
        (["--score", "101"], "--score='101' is not allowed: a number above 0"),
        (["--format", "heic"], "jpg, png, webp, avif or jxl"),
        (["--width", "9000"], "width='9000'"),
        (["-o", "all.jpg"], "of several pictures name a folder"),
        (["-o", "-"], "from standard input"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["compress", ".", *words])
    assert (done.exit_code, told in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-o", "small.gif"], "jpg, png, webp, avif or jxl"),
        (["-o", "small.jpg", "--format", "webp"], "--format says webp"),
        (["-o", "hat.jpg"], "--in-place"),
        (["-o", "notes"], "is a file and no folder"),
        (["b.jpg", "-o", "small.jpg"], "of several pictures name a folder"),
    ],
)
def test_a_result_s_own_name_that_cannot_be_is_told(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").touch()
    done = CliRunner().invoke(app, ["compress", "hat.jpg", *words])
    assert (done.exit_code, told in done.stderr) == (2, True)


def test_a_command_that_is_mistyped_is_told_what_may_be_meant() -> None:
    done = CliRunner().invoke(app, ["srve"])
    assert (done.exit_code, "'serve'" in done.stderr) == (2, True)


def test_every_command_describes_itself() -> None:
    listed = CliRunner().invoke(app, ["--help"])
    assert listed.exit_code == 0
    for name in ("serve", "keys", "doctor", "check-restored"):
        assert f" {name} " in listed.stdout
        described = CliRunner().invoke(app, [name, "--help"])
        assert (described.exit_code, f"Usage: root {name} " in described.stdout) == (0, True)
        assert "--install-completion" not in described.stdout


def test_starting_a_command_loads_what_it_runs_and_neither_database_nor_server_nor_engine() -> None:
    heavy = ["sqlalchemy", "starlette", "uvicorn", "httpx", "procrastinate", "numpy", "pyvips", "structlog"]
    heavy += ["pydantic_settings", "rich.console", "asyncio"]
    code = "import sys, leanpix.cli.compress, leanpix.bootstrap.pools, leanpix.worker.children.pool; "
    code += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_process_that_compresses_loads_no_checks_of_its_own_answers() -> None:
    code = "import sys, leanpix.worker.children.zygote; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
