"""Files on local disk: whole or not at all, also when the disk is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from leanpix.domain.errors import StoreUnavailableError
from leanpix.stores.files.blobs import LocalBlobs

HOUR_S = 3600.0


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "files", 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False).returncode:
        pytest.skip("mounting a small disk takes root")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file and folder that was waited for until it was on the disk, in order."""
    seen: list[Path] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        seen.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_full_disk_is_told_and_leaves_no_part_of_a_file(small_disk: Path) -> None:
    blobs = LocalBlobs(small_disk, 0)
    with pytest.raises(StoreUnavailableError):
        blobs.put("sources/a", bytes(2 * 1024 * 1024))
    assert files_in(small_disk) == []
    blobs.put("sources/a", b"small")
    assert blobs.get("sources/a") == b"small"


def test_too_little_free_room_is_seen_and_so_is_its_end(small_disk: Path) -> None:
    blobs = LocalBlobs(small_disk, 0.5)
    assert blobs.has_room()
    blobs.put("sources/a", bytes(700 * 1024))
    assert not blobs.has_room()
    blobs.delete_under("sources/a")
    assert blobs.has_room()


def test_what_a_killed_writer_left_is_found_and_removed(blobs: LocalBlobs, tmp_path: Path) -> None:
    """The store writes `name#1` first and then renames it, and does not list what was never renamed."""
    blobs.put("sources/whole", b"x")
    for name in ("sources/cut#1", "results/t/1.jpg#3"):
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    two_hours_ago = tmp_path.stat().st_mtime - 2 * HOUR_S
    for path in files_in(tmp_path):
        os.utime(path, (two_hours_ago, two_hours_ago))
    blobs.put("sources/young", b"x")
    found = sorted(blobs.older_than(HOUR_S))
    assert found == ["results/t/1.jpg#3", "sources/cut#1", "sources/whole"]
    for key in found:
        blobs.delete_under(key)
    assert files_in(tmp_path) == [tmp_path / "files" / "sources" / "young"]


def test_removing_a_task_removes_every_attempt_and_nothing_of_its_neighbours(blobs: LocalBlobs, tmp_path: Path) -> None:
    for key in ("results/abc/1.jpg", "results/abc/2.jpg", "results/abcd/1.jpg", "sources/abc"):
        blobs.put(key, key.encode())
    blobs.delete_under("results/abc")
    blobs.delete_under("sources/abc")
    blobs.delete_under("results/never-was")
    assert files_in(tmp_path) == [tmp_path / "files" / "results" / "abcd" / "1.jpg"]
    assert not (tmp_path / "files" / "results" / "abc").exists()


def test_a_stored_file_and_every_folder_entry_on_its_way_are_on_the_disk(synced: list[Path], tmp_path: Path) -> None:
    """Without it a power cut leaves a task that is done, by the database, and whose file is empty or not there."""
    root = tmp_path / "files"
    blobs = LocalBlobs(root, 0)
    blobs.put("results/abc/1.jpg", b"x")
    beside, *folders = synced  # it gets its name once it is on the disk
    assert beside.name.startswith("1.jpg#")
    assert folders == [root / "results" / "abc", root / "results", root]
    synced.clear()
    blobs.put("results/abc/2.jpg", b"x")
    assert [place.name.partition("#")[0] for place in synced] == ["2.jpg", "abc"]


def test_nothing_waits_for_the_disk_where_that_is_switched_off(synced: list[Path], tmp_path: Path) -> None:
    LocalBlobs(tmp_path / "files", 0, sync=False).put("sources/a", b"x")
    assert synced == []
