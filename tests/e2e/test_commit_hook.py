"""The commit hook in the real pre-commit, from a repository, into an environment that pre-commit makes for it.

`make hook` runs these: that environment is made from the package index, in 35 to 95 s.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.pictures import encoded, gradient

NOT_ASKED = "THE COMMIT HOOK IS NOT TRIED HERE: `make hook` does, and installs leanpix as pre-commit does, in a minute"
ROOT = Path(__file__).resolve().parents[2]
# What pre-commit needs of a repository to build the hook from it.
NEEDED = (".pre-commit-hooks.yaml", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "src", "native")
CONFIGURATION = """repos:
  - repo: {repository}
    rev: {revision}
    hooks:
      - id: leanpix-compress
"""

if os.environ.get("COMMIT_HOOK") != "1":
    pytest.skip(NOT_ASKED, allow_module_level=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own, for git and for pre-commit's environments."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def hook(home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A configuration that names a repository of what this tree holds now, committed or not."""
    repository = tmp_path_factory.mktemp("leanpix")
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, repository / name)
    commit_all(home, repository)
    revision = git(home, repository, "rev-parse", "HEAD").stdout.strip()
    return CONFIGURATION.format(repository=repository, revision=revision)


@pytest.fixture
def shop(home: Path, hook: str, tmp_path: Path) -> Path:
    """A repository of somebody's, with the hook installed."""
    git(home, tmp_path, "init", "--quiet")
    (tmp_path / ".pre-commit-config.yaml").write_text(hook)
    (tmp_path / "notes.txt").write_text("no picture\n")
    commit_all(home, tmp_path)
    ran(home, tmp_path, sys.executable, "-m", "pre_commit", "install")
    return tmp_path


def ran(home: Path, folder: Path, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LEANPIX_", "GIT_", "XDG_"))}
    environment = kept | {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "PRE_COMMIT_HOME": str(home / "pre-commit")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def git(home: Path, folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@shop.example", "-c", "init.defaultBranch=main")
    return ran(home, folder, "git", *who, *words, code=code)


def commit_all(home: Path, folder: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    git(home, folder, "init", "--quiet")
    git(home, folder, "add", "--all")
    return git(home, folder, "commit", "--quiet", "--message", "Change something", code=code)


def test_a_commit_is_stopped_for_a_picture_that_gets_smaller_and_passes_with_the_result(home: Path, shop: Path) -> None:
    before = encoded(gradient(640, 480))
    (shop / "pictures").mkdir()
    (shop / "pictures" / "cup.jpg").write_bytes(before)

    stopped = commit_all(home, shop, code=1)
    assert "files were modified by this hook" in stopped.stderr
    after = (shop / "pictures" / "cup.jpg").read_bytes()
    assert after.startswith(b"\xff\xd8\xff")
    assert len(after) < len(before)
    noted = [json.loads(line) for line in (shop / ".leanpix-state.jsonl").read_text().splitlines()]
    assert [row["size"] for row in noted] == [len(after)]

    commit_all(home, shop)
    assert git(home, shop, "status", "--porcelain").stdout == ""
    assert (shop / "pictures" / "cup.jpg").read_bytes() == after


def test_a_result_is_none_to_compress_for_whoever_clones_the_repository(home: Path, shop: Path, tmp_path: Path) -> None:
    (shop / "cup.png").write_bytes(encoded(gradient(320, 240), "PNG", compress_level=0))
    commit_all(home, shop, code=1)
    commit_all(home, shop)
    clone = tmp_path / "clone"
    git(home, tmp_path, "clone", "--quiet", str(shop), str(clone))
    everything = ran(home, clone, sys.executable, "-m", "pre_commit", "run", "--all-files")
    assert "Passed" in everything.stdout
    assert git(home, clone, "status", "--porcelain").stdout == ""


def test_a_commit_without_pictures_is_not_kept_waiting(home: Path, shop: Path) -> None:
    (shop / "notes.txt").write_text("still none\n")
    assert "no files to check" in commit_all(home, shop).stderr


def test_a_damaged_picture_stops_the_commit_by_name(home: Path, shop: Path) -> None:
    (shop / "half.jpg").write_bytes(encoded(gradient(320, 240))[:900])
    assert "half.jpg: failed" in commit_all(home, shop, code=1).stderr
