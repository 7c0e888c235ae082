"""`leanpix watch`: what arrives in a folder is brought over once it is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.batch import environment
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX

from leanpix.cli.catalogue.folder import Folder
from leanpix.cli.catalogue.watch import Arrivals, is_being_written

PHOTO = encoded(gradient(300, 200), quality=98)
OLD_S = 1_000_000


def until(condition: Callable[[], bool], patience_s: float = 90) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@dataclass
class Watched:
    """A folder that is followed."""

    folder: Path
    target: Path
    output: Path
    process: subprocess.Popen[bytes]

    def has(self, name: str) -> bool:
        return (self.target / name).exists()

    def end(self) -> str:
        """End it; what it said."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.output.read_text()
        return self.output.read_text()


@contextmanager
def watching(home: Path, *words: str) -> Iterator[Watched]:
    folder, target, output = home / "in", home / "out", home / "output"
    folder.mkdir(exist_ok=True)
    command = [str(LEANPIX), "watch", str(folder), str(target), "--settle", "0.5", *words]
    with output.open("ab") as log, subprocess.Popen(command, env=environment(home), stdout=log, stderr=log) as process:
        try:
            yield Watched(folder, target, output, process)
        finally:
            process.kill()


def old(path: Path, content: bytes = PHOTO) -> None:
    """A file that has long been there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (OLD_S, OLD_S))


@pytest.mark.parametrize("is_told", [True, False])
def test_it_catches_up_and_brings_what_arrives(tmp_path: Path, is_told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With inotify, and without the library that tells of changes."""
    if not is_told:
        hidden = tmp_path / "hidden"
        hidden.mkdir()
        (hidden / "sitecustomize.py").write_text(
            "import importlib.util as u; f = u.find_spec\n"
            "u.find_spec = lambda name, package=None: None if name == 'watchfiles' else f(name, package)\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(hidden))
    old(tmp_path / "in" / "before.jpg")
    with watching(tmp_path, "--poll", "0.5", "--delete") as watched:
        until(lambda: watched.has("before.jpg"))
        old(watched.folder / "new" / "deep" / "hat.jpg")
        (watched.folder / "new" / "prices.txt").write_text("1.00")
        until(lambda: watched.has("new/deep/hat.jpg") and watched.has("new/prices.txt"))
        assert (watched.target / "new/deep/hat.jpg").stat().st_size < len(PHOTO)
        (watched.folder / "before.jpg").unlink()
        until(lambda: not watched.has("before.jpg"))
        (watched.folder / "new").rename(watched.folder / "moved")
        until(lambda: watched.has("moved/deep/hat.jpg") and not watched.has("new/deep/hat.jpg"))
        told = watched.end()
    assert ("the extra leanpix[watch]" in told) is not is_told
    assert "before.jpg: compressed" in told
    assert sorted(path.name for path in watched.target.rglob("*") if path.is_file() and path.name[0] != ".") == [
        "hat.jpg", "prices.txt"
    ]  # fmt: skip


def test_a_file_that_is_being_written_is_waited_for_however_slow_its_writer(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        until(watched.target.exists)
        with (watched.folder / "hat.jpg").open("wb", buffering=0) as slow:
            slow.write(PHOTO[:1000])
            (watched.folder / "other.jpg").write_bytes(PHOTO)
            until(lambda: watched.has("other.jpg"))
            time.sleep(1.5)  # longer than a file has to be quiet
            assert not watched.has("hat.jpg")
            slow.write(PHOTO[1000:])
        until(lambda: watched.has("hat.jpg"))
        told = watched.end()
    assert "failed" not in told
    assert "hat.jpg: compressed" in told


def test_what_is_written_again_is_brought_again_and_a_restart_does_nothing_twice(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        old(watched.folder / "hat.jpg")
        until(lambda: watched.has("hat.jpg"))
        before = (watched.target / "hat.jpg").read_bytes()
        (watched.folder / "hat.jpg").write_bytes(encoded(gradient(320, 200), quality=98))
        until(lambda: (watched.target / "hat.jpg").read_bytes() != before)
        assert "was changed since" not in watched.end()
    old(tmp_path / "in" / "missed.jpg")
    watched.output.unlink()
    os.utime(tmp_path / "in" / "hat.jpg", (OLD_S, OLD_S))
    with watching(tmp_path) as again:
        until(lambda: again.has("missed.jpg"))
        told = again.end()
    assert "missed.jpg: compressed" in told
    assert "\nhat.jpg: compressed" not in told


def test_the_kernel_tells_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    assert not is_being_written(path)
    with path.open("ab"):
        assert is_being_written(path)
    assert not is_being_written(path)
    assert not is_being_written(tmp_path / "none")


def test_arrivals_are_taken_when_they_have_been_quiet(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("1")
    arrivals = Arrivals(Folder(tmp_path), 0.2)
    arrivals.add("sub")
    arrivals.add("gone")
    assert arrivals.take_settled() == ([], ["gone"])
    (tmp_path / "sub" / "a").write_text("12")
    assert arrivals.take_settled() == ([], [])
    until(lambda: [entry.key for entry in arrivals.take_settled()[0]] == ["sub/a"])
    assert arrivals.take_settled() == ([], [])


def test_a_bucket_is_not_watched(tmp_path: Path) -> None:
    command = [str(LEANPIX), "watch", "s3://bucket/x", str(tmp_path / "out")]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert (done.returncode, "is no folder" in done.stderr) == (2, True)
