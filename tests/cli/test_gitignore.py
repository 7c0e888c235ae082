"""What .gitignore leaves out is what git itself leaves out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from leanpix.cli.batch.gitignore import GitIgnore
from leanpix.cli.batch.select import Rules, select

PATHS = ["a.jpg", "b.png", "!c.jpg", "#d.jpg", "e f.jpg", "g].jpg", "x/a.jpg", "x/y/a.jpg", "x/y/z/b.png", "out/a.jpg"]
PATHS += [
    "x/out/a.jpg",
    "build.jpg",
    "x/build.jpg",
    "a^b.jpg",
    "ab&&c.jpg",
    "tail \\.jpg",
    "caf\u00e9.jpg",
    "x/out.jpg",
]
PATTERNS = [
    "a.jpg",
    "/a.jpg",
    "*.jpg",
    "*.jp?",
    "x/*.jpg",
    "x/**",
    "**/a.jpg",
    "x/**/b.png",
    "out/",
    "/out",
    "x/out",
    "out",
]
PATTERNS += [
    "[a-b].*",
    "[!a].*",
    "[^a].*",
    "[]g]*",
    "[",
    "[z-a]q",
    "\\!c.jpg",
    "\\#d.jpg",
    "# a.jpg",
    "e\\ f.jpg",
    "a.jpg  ",
]
PATTERNS += [
    "*\n!a.jpg",
    "!a.jpg\na.jpg",
    "x/y\n!x/y/a.jpg",
    "**",
    "**/",
    "/**",
    "*/a.jpg",
    "x/*/a.jpg",
    "a\\^b*",
    "[&]*",
    "*&&*",
]
PATTERNS += ["", "/", "x//a.jpg", "b*d.jpg", "*\u00e9*", "a.jpg\r", "x/y/", "**/y/**", "***.png", "x/**out"]

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git judges the patterns")


def write(root: Path, *paths: str) -> Path:
    for name in paths:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def repository(root: Path, *paths: str) -> Path:
    root.mkdir(exist_ok=True)
    subprocess.run(["git", "init", "-q", root], check=True)
    return write(root, *paths)


def left_out(root: Path) -> set[str]:
    """As the selection walks: what lies in a folder that is left out is, too."""
    git = GitIgnore()
    return {
        name
        for name in PATHS
        if any(
            git.leaves_out(root / part, is_folder=(root / part).is_dir())
            for part in [Path(name), *Path(name).parents][:-1]
        )
    }


@needs_git
@pytest.mark.parametrize("patterns", PATTERNS)
def test_a_pattern_means_what_it_means_to_git(patterns: str, tmp_path: Path) -> None:
    root = repository(tmp_path / "repository", *PATHS)
    (root / ".gitignore").write_bytes(patterns.encode() + b"\n")
    asked = subprocess.run(
        ["git", "-C", root, "check-ignore", "--no-index", "-z", "--stdin"],
        input="\0".join(PATHS).encode(),
        capture_output=True,
        check=False,
    )
    assert left_out(root) == set(asked.stdout.decode().split("\0")) - {""}


def test_files_further_down_decide_over_those_above_and_folders_above_the_named_one_count(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", "web/a.jpg", "web/new/b.jpg", "web/raw/c.jpg", ".git/HEAD")
    (root / ".gitignore").write_text("*.jpg\nraw/\n")
    (root / "web" / "new" / ".gitignore").write_text("!b.jpg\n")
    found = select([root / "web"], Rules())
    assert [source.relative.as_posix() for source in found.sources] == ["new/b.jpg"]
    assert (found.ignored, found.pictures) == (2, 1)


def test_it_is_a_switch_and_what_is_named_is_taken_anyway(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", "a.jpg", ".git/HEAD")
    (root / ".gitignore").write_text("*\n")
    assert select([root], Rules()).sources == []
    assert len(select([root], Rules(by_gitignore=False)).sources) == 1
    assert len(select([root / "a.jpg"], Rules()).sources) == 1


def test_outside_of_a_working_tree_such_a_file_says_nothing(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", "a.jpg")
    (root / ".gitignore").write_text("*\n")
    assert len(select([root], Rules()).sources) == 1
