"""When set-up does something, and what: with a uv that only writes down what it was asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bootstrap_uv
import pytest
import set_up
from tests.support.operator import as_ordinary_user, refusal

ROOT = Path(__file__).resolve().parents[2]
UV = """#!/bin/sh
echo "$@" >> "$0.asked"
case "$1" in --version) echo 'uv 99.0.0'; exit;; esac
engine=.venv/lib/python3.99/site-packages/leanpix/engine
mkdir -p .venv/bin $engine && touch .venv/bin/leanpix .venv/bin/python
if cc -x c -fsyntax-only - </dev/null; then touch $engine/_native.so
else echo 'no C compiler (cc)' > $engine/_native_missing.txt; fi
"""
COMPILER = "#!/bin/sh\ncat > /dev/null\nexit 0\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree to set up, on a machine whose programs are those of tmp_path/bin and the shell's."""
    for name in ("src/a.py", "native/a.c", "uv.lock", "pyproject.toml", "hatch_build.py", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    for name in (".tools", "bin"):
        (tmp_path / name).mkdir()
    for name in ("mkdir", "touch", "cat"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    lies_in(tmp_path, monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("CC", "EXTRAS", "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    program(tmp_path / ".tools/uv", UV)
    return tmp_path


def lies_in(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have set-up take this folder for the tree that it is in."""
    monkeypatch.setattr(set_up, "ROOT", place)
    monkeypatch.setattr(set_up, "VENV", place / ".venv")
    monkeypatch.setattr(set_up, "UV", place / ".tools/uv")
    monkeypatch.setattr(set_up, "STAMP", place / ".venv/set-up.json")
    monkeypatch.setattr(bootstrap_uv, "TOOLS", place / ".tools")


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def asked(tree: Path, kind: str = "run") -> list[str]:
    """What uv is asked for by a set-up of this kind, but for its version."""
    log = tree / ".tools/uv.asked"
    log.unlink(missing_ok=True)
    assert set_up.main(kind) == 0
    return [line for line in log.read_text().splitlines() if line != "--version"] if log.exists() else []


def test_settings_for_another_project_count_nothing_here(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "UV_PROJECT", "UV_WORKING_DIR", "UV_NO_DEV"):
        monkeypatch.setenv(name, str(tree / "elsewhere"))
    program(tree / ".tools/uv", UV + 'export -p | grep elsewhere >> "$0.elsewhere" || true\n')
    (tree / "bin" / "grep").symlink_to("/bin/grep")
    assert len(asked(tree)) == 1
    assert (tree / ".tools" / "uv.elsewhere").read_text() == ""


def test_a_second_set_up_asks_for_nothing(tree: Path) -> None:
    (first,) = asked(tree)
    assert first.startswith("sync ")
    assert "--no-default-groups" in first
    assert f"--python {sys.executable}" in first
    assert asked(tree) == []


def _another_source(tree: Path) -> None:
    (tree / "src/b.py").write_text("")


def _another_lock(tree: Path) -> None:
    (tree / "uv.lock").write_text("2")


def _another_compiler(tree: Path) -> None:
    program(tree / "bin/cc", COMPILER)


def _a_broken_off_set_up(tree: Path) -> None:
    (tree / ".venv/set-up.json").write_text("{")


def _no_command(tree: Path) -> None:
    (tree / ".venv/bin/leanpix").unlink()


@pytest.mark.parametrize(
    "change", [_another_source, _another_lock, _another_compiler, _a_broken_off_set_up, _no_command]
)
def test_set_up_is_done_again_where_what_it_depends_on_changed(tree: Path, change: Callable[[Path], None]) -> None:
    asked(tree)
    change(tree)
    (again,) = asked(tree)
    assert "--reinstall-package leanpix" in again
    assert asked(tree) == []


def test_a_tree_that_was_moved_or_copied_gets_a_venv_of_its_own(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of a .venv begin with where it was made: a copy's would run what the original has."""
    asked(tree)
    copy = Path(shutil.copytree(tree, tree / "copy", symlinks=True))
    (copy / ".venv" / "bin" / "mypy").write_text(f"#!{tree}/.venv/bin/python\n")
    lies_in(copy, monkeypatch)
    assert len(asked(copy)) == 1
    assert not (copy / ".venv" / "bin" / "mypy").exists()
    assert asked(copy) == []


@pytest.mark.parametrize("closed", [".", ".tools", ".venv"])
def test_a_tree_that_cannot_be_written_is_told_in_one_line(tree: Path, closed: str) -> None:
    """Such as somebody else's, or one that was set up as root once."""
    shutil.copytree(ROOT / "scripts", tree / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (tree / ".venv").mkdir()
    (tree / ".venv" / "set-up.json").write_text("{}")
    if closed == ".":
        shutil.rmtree(tree / ".tools")
    elif closed == ".tools":
        program(tree / ".tools" / "uv", "#!/bin/sh\nexit 1\n")  # it has to be replaced
    (tree / closed).chmod(0o555)
    try:
        done = subprocess.run(
            [*as_ordinary_user(), sys.executable, tree / "scripts" / "set_up.py", "run"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        (tree / closed).chmod(0o755)
    line = refusal(done)
    assert line.startswith("leanpix: set-up cannot write its files (")
    assert f"{tree / closed}" in line
    assert "Permission denied" in line


def test_what_is_made_from_the_sources_beside_them_is_no_source(tree: Path) -> None:
    asked(tree)
    (tree / "src/a.cpython-311.pyc").write_text("")
    (tree / "src/_native.so").write_text("")
    assert asked(tree) == []


def test_what_tests_need_holds_what_the_service_needs_and_not_the_other_way_round(tree: Path) -> None:
    asked(tree, "run")
    assert len(asked(tree, "dev")) == 1
    assert asked(tree, "run") == []


def test_extras_are_installed_and_stay(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(tree)
    monkeypatch.setenv("EXTRAS", "cluster,jxl")
    assert "--extra cluster --extra jxl" in asked(tree)[0]
    monkeypatch.delenv("EXTRAS")
    assert asked(tree) == []


def test_headers_that_come_after_the_compiler_are_noticed(tree: Path) -> None:
    compiler = f'#!/bin/sh\ncat > /dev/null\ntest -e "{tree}/headers"\n'
    program(tree / "bin/cc", compiler)
    asked(tree)
    assert asked(tree) == [], "the compiler fails as before"
    (tree / "headers").touch()
    assert len(asked(tree)) == 1


def test_the_kernels_are_told_with_what_it_costs_to_have_none(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(tree)
    (line,) = capsys.readouterr().out.splitlines()
    assert "without its native kernels (no C compiler (cc)" in line
    assert "5 times" in line
    program(tree / "bin/cc", COMPILER)
    asked(tree)
    assert capsys.readouterr().out == "leanpix: set up with its native kernels\n"


def test_from_another_index_files_are_taken_by_the_locks_digests(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
    exported, venv, pins, own = asked(tree)
    assert exported.startswith("export ")
    assert "--no-default-groups" in exported
    assert venv.startswith("venv ")
    assert "--require-hashes" in pins
    assert own.endswith(str(tree))
    assert "--no-deps" in own


def test_a_set_up_that_fails_is_told_and_done_again(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(tree / ".tools/uv", "#!/bin/sh\ncase $1 in --version) echo 'uv 99.0.0';; *) exit 2;; esac\n")
    assert set_up.main("run") == 2
    assert "PIP_INDEX_URL" in capsys.readouterr().err
    program(tree / ".tools/uv", UV)
    assert len(asked(tree)) == 1


@pytest.mark.parametrize("version", ["(3, 10, 1)", "(3, 15, 0)"])
def test_another_python_is_refused_in_one_line_that_names_the_way_out(version: str) -> None:
    run = f"import sys, runpy; sys.version_info = {version}; runpy.run_path('scripts/set_up.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "PYTHON=python3.13 make serve" in line


def test_the_stamp_is_a_line_of_json(tree: Path) -> None:
    asked(tree)
    assert json.loads((tree / ".venv/set-up.json").read_text())["kind"] == "run"
