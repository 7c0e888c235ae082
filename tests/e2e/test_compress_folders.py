"""`leanpix compress` over folders, as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image
from tests.support.batch import compress, environment, ran
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX


def make_pictures(folder: Path, count: int, side: int = 160) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:03}.jpg").write_bytes(encoded(gradient(side + number, side), quality=98))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "shop" / "sub", 3)
    (tmp_path / "shop" / "logo.png").write_bytes(encoded(gradient(96, 64), "PNG"))
    (tmp_path / "shop" / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "shop" / "prices.txt").write_text("1.00")
    return tmp_path / "shop"


def test_a_tree_is_mirrored_and_a_second_run_skips_it(shop: Path, tmp_path: Path) -> None:
    first = compress(tmp_path, shop, "-o", tmp_path / "out")
    assert first.code == 1, first.errors
    assert first.outcomes["broken.jpg"] == "failed"
    assert (first.summary["compressed"] + first.summary["kept"], first.summary["not_pictures"]) == (4, 1)
    for name in ("sub/000.jpg", "sub/002.jpg", "logo.png"):
        before, after = shop / name, tmp_path / "out" / name
        with Image.open(before) as old, Image.open(after) as new:
            assert old.size == new.size
        assert after.stat().st_size <= before.stat().st_size
    second = compress(tmp_path, shop, "-o", tmp_path / "out")
    assert (second.summary["done before"], second.summary["failed"]) == (4, 1)


def test_an_interrupted_batch_leaves_whole_files_and_goes_on_where_it_was(tmp_path: Path) -> None:
    folder, count = tmp_path / "shop", 24
    make_pictures(folder, count, 250)
    command: list[str | Path] = [LEANPIX, "compress", "--json", "--in-place", folder]
    with subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
    stopped = ran(process.returncode, "".join(lines), "")
    assert stopped.code == 130
    assert 3 <= stopped.summary["compressed"] < count
    ended = ("compressed", "kept", "done before", "left alone", "restored", "failed", "interrupted", "not begun")
    assert sum(stopped.summary[outcome] for outcome in ended) == stopped.summary["pictures"] == count
    assert {path.name for path in folder.iterdir()} == {f"{number:03}.jpg" for number in range(count)}
    for path in folder.iterdir():
        with Image.open(path) as picture:
            picture.load()
    resumed = compress(tmp_path, "--in-place", folder)
    assert resumed.code == 0
    assert resumed.summary["done before"] == stopped.summary["compressed"]
    assert resumed.summary["compressed"] == count - stopped.summary["compressed"]


def test_a_batch_that_is_killed_leaves_whole_files_and_no_process_and_goes_on_where_it_was(tmp_path: Path) -> None:
    folder, count = tmp_path / "shop", 24
    make_pictures(folder, count, 250)
    command: list[str | Path] = [LEANPIX, "compress", "--json", "--in-place", folder]
    with subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        threads = Path(f"/proc/{process.pid}/task").iterdir()
        children = " ".join((thread / "children").read_text() for thread in threads).split()
        process.kill()
    pictures = sorted(folder.glob("*.jpg"))
    assert len(pictures) == count
    for path in pictures:
        with Image.open(path) as picture:
            picture.load()
    assert gone(children)
    resumed = compress(tmp_path, "--in-place", folder)
    assert resumed.code == 0
    assert 3 <= resumed.summary["done before"] < count
    assert resumed.summary["done before"] + resumed.summary["compressed"] + resumed.summary["kept"] == count


def gone(pids: list[str]) -> bool:
    """Whether processes whose parent was killed have ended, or do so in a moment."""
    for _ in range(100):
        if not any(is_alive(pid) for pid in pids):
            return bool(pids)
        time.sleep(0.05)
    return False


def is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_people_see_a_table_and_what_failed(shop: Path, tmp_path: Path) -> None:
    odd = (shop / "sub" / "000.jpg").rename(shop / "sub" / os.fsdecode(b"caf\xe9.jpg"))
    command: list[str | Path] = [LEANPIX, "compress", shop / "broken.jpg", odd, "--quality", "60"]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "saved" in done.stdout
    assert "broken.jpg: failed: Invalid image file" in done.stderr
    assert odd.with_suffix(".min.jpg").is_file()


def test_json_lines_are_one_object_a_picture(shop: Path, tmp_path: Path) -> None:
    words: list[str | Path] = ["--format", "webp", "--width", "50", "--dry-run", "--report", tmp_path / "report.html"]
    done = compress(tmp_path, shop / "logo.png", *words)
    assert [set(row) >= {"path", "outcome", "bytes_before", "bytes_after"} for row in done.rows] == [True]
    assert done.rows[0]["target"] == str(shop / "logo.png.min.webp")
    assert not (shop / "logo.png.min.webp").exists()
    assert "data:image/webp;base64," in (tmp_path / "report.html").read_text()
