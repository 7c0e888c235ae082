"""Paths that cannot be looked at: closed folders, long names and circular links are told like others of no use."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.operator import as_ordinary_user
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX, clean_environment

LONG = "x" * 300
CLOSED, LOOP = "closed/shoe.jpg", "loop"
ODD = (CLOSED, LOOP, LONG, f"{LONG}/shoe.jpg", f"{LOOP}/shoe.jpg")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a picture, a link to itself, and a folder that nobody may enter."""
    (tmp_path / "hat.jpg").write_bytes(encoded(gradient(64, 64), quality=95))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "shoe.jpg").write_bytes(encoded(gradient(64, 64), quality=95))
    for closed in (tmp_path / "closed", tmp_path / "photos" / "closed"):
        closed.mkdir()
        (closed / "shoe.jpg").write_bytes(b"hat")
        closed.chmod(0)
    (tmp_path / LOOP).symlink_to(LOOP)
    return tmp_path


@pytest.fixture(autouse=True)
def _open_again(tmp_path: Path) -> object:
    yield
    for closed in (tmp_path / "closed", tmp_path / "photos" / "closed"):
        if closed.is_dir():
            closed.chmod(0o700)


def leanpix(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*as_ordinary_user(), LEANPIX, *words],
        capture_output=True, text=True, check=False, cwd=folder, timeout=120, stdin=subprocess.DEVNULL,
        env=clean_environment() | {"HOME": str(folder), "LEANPIX_WORKERS": "1"},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("how", [(), ("--in-place",), ("-o", "small"), ("--dry-run", "--in-place")])
def test_a_picture_that_cannot_be_looked_at_is_named_and_the_others_are_done(
    how: tuple[str, ...], odd: str, shop: Path
) -> None:
    done = leanpix(["compress", odd, "hat.jpg", *how], shop)
    assert done.returncode == 1
    assert odd[:8] in done.stderr
    assert "compressed  1" in done.stdout


@pytest.mark.parametrize("words", [("compress", "--in-place"), ("compress",), ("check", "--max-waste", "99")])
def test_a_closed_folder_within_a_folder_is_named_and_the_rest_is_done(words: tuple[str, ...], shop: Path) -> None:
    done = leanpix([words[0], "photos", *words[1:]], shop)
    assert done.returncode == 1
    assert "photos/closed: " in done.stdout + done.stderr
    assert "Permission denied" in done.stdout + done.stderr


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "before",
    [
        ("compress", "hat.jpg", "-o"),
        ("compress", "hat.jpg", "--in-place", "--backup"),
        ("compress", "hat.jpg", "-o", "small", "--report"),
        ("compress", "hat.jpg", "--state"),
        ("compress", "--undo"),
        ("sync", "photos"),
        ("watch", "photos"),
        ("vault",),
        ("vault", "restore"),
        ("check",),
        ("set", "hat.jpg", "--widths", "32", "-o"),
    ],
)
def test_a_place_that_cannot_be_used_is_told_in_words(before: tuple[str, ...], odd: str, shop: Path) -> None:
    done = leanpix([*before, odd], shop)
    assert done.returncode != 0
    assert "[Errno" not in done.stderr
    assert ".leanpix-tmp" not in done.stderr
    assert done.stderr


def test_a_vault_names_a_folder_that_it_cannot_look_into(shop: Path) -> None:
    for words in (("vault",), ("vault", "restore")):
        done = leanpix([*words, "photos"], shop)
        assert (done.returncode, "photos/closed: Permission denied" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("compress", ""),
        ("compress", "hat.jpg", ""),
        ("compress", "", "--in-place"),
        ("compress", "hat.jpg", "-o", ""),
        ("compress", "hat.jpg", "--in-place", "--backup", ""),
        ("check", ""),
        ("vault", ""),
        ("vault", "restore", ""),
        ("sync", "", "copy"),
        ("sync", "photos", ""),
        ("watch", "photos", ""),
        ("backup", ""),
        ("keys", "list", "--data-dir", ""),
    ],
)
def test_an_empty_path_is_not_the_folder_that_one_is_in(words: tuple[str, ...], shop: Path) -> None:
    before = sorted(shop.iterdir())
    done = leanpix(words, shop)
    assert done.returncode == 2
    assert "empty" in done.stderr or "name one folder" in done.stderr
    assert sorted(shop.iterdir()) == before


def test_a_report_that_cannot_be_written_is_told_before_the_work(shop: Path) -> None:
    done = leanpix(["compress", "hat.jpg", "--report", "photos"], shop)
    assert (done.returncode, "--report photos is a folder" in done.stderr) == (2, True)
    assert not (shop / "hat.min.jpg").exists()
    done = leanpix(["compress", "hat.jpg", "--report", "closed/page.html"], shop)
    assert (done.returncode, "--report closed/page.html: Permission denied" in done.stderr) == (1, True)
