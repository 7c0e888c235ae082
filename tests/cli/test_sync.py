"""A catalogue kept in step, from folder to folder, over an engine that is told what to answer."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.batch import environment
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX

from leanpix.cli.batch.items import Item, Outcome
from leanpix.cli.batch.work import Result
from leanpix.cli.catalogue.folder import Folder
from leanpix.cli.catalogue.journal import CatalogueJournal
from leanpix.cli.catalogue.opening import are_apart
from leanpix.cli.catalogue.places import Entry
from leanpix.cli.catalogue.sync import Session, SyncRequest, Tally
from leanpix.cli.catalogue.work import CatalogueWork, OnTaken
from leanpix.domain.errors import SetupError, TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.holding import Holding
from leanpix.domain.own_mark import mark_of, marked
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState

JPG, WEBP, GIF = b"\xff\xd8\xff\xda\0\2", b"RIFF\0\0\0\0WEBP", b"GIF89a"
BIG = JPG + b"x" * 5000
SMALL = JPG + b"y" * 1000
STATE = ".leanpix-sync-test.sqlite"


@dataclass
class ToldEngine:
    """Answers every picture with the same bytes."""

    answer: bytes = SMALL
    lost: tuple[Holding, ...] = ()
    fails_with: TaskState | None = None
    calls: list[str] = field(default_factory=list)

    def compress(self, name: str, source: bytes, options: CompressionOptions) -> Result:
        del source, options
        self.calls.append(name)
        if self.fails_with is not None:
            raise TaskFailure(self.fails_with)
        return Result(self.answer, 80.0, self.lost)

    def abandon(self) -> None:
        """Nothing is under way."""


@dataclass
class Both:
    """Two folders, and runs between them."""

    source: Path
    target: Path
    engine: ToldEngine = field(default_factory=ToldEngine)

    def run(self, options: CompressionOptions | None = None, **more: Any) -> dict[str, Item]:
        """A run's items by key."""
        asked = options or CompressionOptions()
        request = SyncRequest(str(self.source), str(self.target), asked, **more)
        ended: list[Item] = []
        tally = Tally(ended.append)
        places = Folder(self.source), Folder(self.target)
        with CatalogueJournal(self.target / STATE, is_read_only=request.is_dry) as journal:
            work = CatalogueWork(
                *places, None if request.is_dry else self.engine, asked, journal, threading.Semaphore(1),
                request.may_lose, request.on_taken, request.is_forgetful, request.deletes,
            )  # fmt: skip
            Session(request, *places, journal, work, tally, threading.Event()).bring_all()
        return {str(item.path): item for item in ended}

    def outcomes(self, **more: Any) -> dict[str, Outcome]:
        return {key: item.outcome for key, item in self.run(**more).items()}

    @property
    def files(self) -> dict[str, bytes]:
        """What the target has."""
        found = (path for path in self.target.rglob("*") if path.is_file() and not path.name.startswith(STATE))
        return {str(path.relative_to(self.target)): path.read_bytes() for path in found}


@pytest.fixture
def both(tmp_path: Path) -> Both:
    source = tmp_path / "shop"
    (source / "sub").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (source / "hat.jpg").write_bytes(BIG)
    (source / "sub" / "boot.jpg").write_bytes(BIG + b"boot")
    (source / "prices.txt").write_text("1.00")
    return Both(source, tmp_path / "out")


def test_pictures_get_smaller_and_all_else_is_copied_under_the_same_names(both: Both) -> None:
    os.utime(both.source / "hat.jpg", (1_000_000, 1_000_000))
    outcomes = both.outcomes()
    assert outcomes == {
        "hat.jpg": Outcome.COMPRESSED, "prices.txt": Outcome.COPIED, "sub/boot.jpg": Outcome.COMPRESSED
    }  # fmt: skip
    assert both.files == {"hat.jpg": marked(SMALL), "prices.txt": b"1.00", "sub/boot.jpg": marked(SMALL)}
    assert (both.target / "hat.jpg").stat().st_mtime == 1_000_000


def test_a_second_run_reads_nothing_and_a_changed_file_is_done_alone(both: Both) -> None:
    both.run()
    for path in both.source.rglob("*.*"):
        path.chmod(0)  # an ordinary user could not read them, and root's engine is counted
    assert set(both.outcomes().values()) == {Outcome.DONE}
    for path in both.source.rglob("*.*"):
        path.chmod(0o644)
    both.engine.calls.clear()
    (both.source / "hat.jpg").write_bytes(BIG + b"another")
    assert both.outcomes()["hat.jpg"] is Outcome.COMPRESSED
    assert both.engine.calls == ["hat.jpg"]


def test_a_touched_file_is_known_by_its_content(both: Both) -> None:
    both.run()
    os.utime(both.source / "hat.jpg", (5, 5))
    both.engine.calls.clear()
    assert both.outcomes()["hat.jpg"] is Outcome.DONE
    assert both.engine.calls == []


def test_a_result_that_is_no_smaller_is_not_taken(both: Both) -> None:
    both.engine.answer = BIG[:-5]  # with its mark it is larger
    assert both.outcomes()["hat.jpg"] is Outcome.KEPT
    assert both.files["hat.jpg"] == BIG


def test_a_result_of_this_program_is_copied_and_never_compressed_again(both: Both) -> None:
    (both.source / "hat.jpg").write_bytes(marked(BIG))
    assert both.outcomes()["hat.jpg"] is Outcome.KEPT
    assert both.engine.calls == ["sub/boot.jpg"]
    again = Both(both.target, both.source.parent / "third")
    again.target.mkdir()
    assert again.outcomes()["sub/boot.jpg"] is Outcome.KEPT
    assert mark_of(again.files["sub/boot.jpg"]) is not None
    assert again.engine.calls == []


def test_a_picture_that_cannot_be_compressed_is_copied_and_named_by_each_run(both: Both) -> None:
    both.engine.fails_with = TaskState.INVALID_IMAGE
    assert both.outcomes()["hat.jpg"] is Outcome.FAILED
    assert both.files["hat.jpg"] == BIG
    calls = len(both.engine.calls)
    again = both.run()["hat.jpg"]
    assert (again.outcome, "Copied as it is" in again.message) == (Outcome.FAILED, True)
    assert len(both.engine.calls) == calls


def test_what_may_go_better_another_time_is_tried_again(both: Both) -> None:
    both.engine.fails_with = TaskState.TIMED_OUT
    assert both.outcomes()["hat.jpg"] is Outcome.FAILED
    both.engine.fails_with = None
    assert both.outcomes()["hat.jpg"] is Outcome.COMPRESSED


def test_a_loss_that_shows_has_to_be_allowed(both: Both) -> None:
    both.engine.lost = (Holding.ANIMATION,)
    item = both.run()["hat.jpg"]
    assert (item.outcome, "--allow-loss animation" in item.message) == (Outcome.LEFT, True)
    assert both.files["hat.jpg"] == BIG
    allowed = both.outcomes(may_lose=frozenset({Holding.ANIMATION}), is_forgetful=True)
    assert allowed["hat.jpg"] is Outcome.COMPRESSED


def test_formats_that_are_not_written_are_copied_unless_another_is_asked_for(both: Both) -> None:
    (both.source / "move.gif").write_bytes(GIF + b"x" * 5000)
    assert both.outcomes()["move.gif"] is Outcome.KEPT
    both.engine.answer = WEBP + b"y" * 100
    both.run(CompressionOptions(format=OutputFormat.WEBP), deletes=True)
    assert sorted(both.files) == ["hat.jpg.webp", "move.gif.webp", "prices.txt", "sub/boot.jpg.webp"]


def test_deletions_are_followed_only_when_asked_and_only_of_own_files(both: Both) -> None:
    both.run()
    (both.target / "foreign.txt").write_text("not ours")
    (both.source / "sub" / "boot.jpg").unlink()
    (both.source / "prices.txt").unlink()
    both.run()
    assert "sub/boot.jpg" in both.files
    (both.target / "prices.txt").write_text("changed by somebody")
    outcomes = both.outcomes(deletes=True)
    assert (outcomes["sub/boot.jpg"], outcomes["prices.txt"]) == (Outcome.DELETED, Outcome.LEFT)
    assert sorted(both.files) == ["foreign.txt", "hat.jpg", "prices.txt"]
    assert not (both.target / "sub").exists()


def test_an_empty_or_unreadable_source_deletes_nothing(both: Both, capsys: pytest.CaptureFixture[str]) -> None:
    both.run()
    before = both.files
    elsewhere = both.source.rename(both.source.with_name("elsewhere"))
    both.source.mkdir()
    both.run(deletes=True)
    assert both.files == before
    assert "is empty: nothing is deleted" in capsys.readouterr().err
    both.source.rmdir()
    elsewhere.rename(both.source)


def test_what_is_left_out_is_not_deleted_either(both: Both) -> None:
    both.run()
    both.run(exclude=("sub/*",), deletes=True)
    assert "sub/boot.jpg" in both.files


def test_a_file_of_somebody_else_is_not_replaced_unless_asked(both: Both) -> None:
    (both.target / "hat.jpg").write_bytes(b"somebody's")
    item = both.run()["hat.jpg"]
    assert (item.outcome, "--on-conflict" in item.message) == (Outcome.FAILED, True)
    assert both.files["hat.jpg"] == b"somebody's"
    assert both.outcomes(on_taken=OnTaken.REPLACE)["hat.jpg"] is Outcome.COMPRESSED
    (both.target / "hat.jpg").write_bytes(b"changed since")
    assert "was changed since it was written" in both.run()["hat.jpg"].message


def test_two_sources_never_share_a_name(both: Both) -> None:
    both.engine.answer = WEBP + b"y" * 100
    (both.source / "hat.jpg.webp").write_bytes(WEBP + b"z" * 500)
    items = both.run(CompressionOptions(format=OutputFormat.WEBP))
    names = {"hat.jpg", "hat.jpg.webp"}  # whichever comes first has it, and keeps it in later runs
    [refused] = [name for name in names if items[name].outcome is Outcome.FAILED]
    [other] = names - {refused}
    assert items[refused].message == f"its result would replace that of {other}"
    assert both.run(CompressionOptions(format=OutputFormat.WEBP))[refused].message == items[refused].message


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(both: Both) -> None:
    items = both.run(is_dry=True)
    assert {item.message for item in items.values()} == {"would be compressed", "would be copied"}
    assert list(both.target.iterdir()) == []
    both.run()
    (both.source / "hat.jpg").unlink()
    items = both.run(is_dry=True, deletes=True)
    assert items["hat.jpg"].message == "hat.jpg would be deleted"
    assert items["prices.txt"].outcome is Outcome.DONE
    assert "hat.jpg" in both.files


def test_what_was_begun_by_a_run_that_was_killed_is_known_for_its_own(both: Both) -> None:
    both.run()
    with sqlite3.connect(both.target / STATE) as rows:
        rows.execute("UPDATE files SET target_stamp = '' WHERE key = 'hat.jpg'")
    rows.close()
    (both.target / "hat.jpg").write_bytes(b"as it was written by then")
    assert both.outcomes()["hat.jpg"] is Outcome.COMPRESSED


def test_links_and_odd_names_are_named_and_not_followed(both: Both) -> None:
    (both.source / "link.jpg").symlink_to("hat.jpg")
    (both.source / os.fsdecode(b"\xff.jpg")).write_bytes(BIG)
    items = both.run()
    assert items["link.jpg"].outcome is Outcome.LEFT
    assert items["\\udcff.jpg"].message == "its name is not UTF-8"
    assert len(both.files) == 3


@pytest.mark.parametrize("key", ["../out", "a/../../b", "/etc/passwd", "a//b", ".", "a\0b"])
def test_a_key_that_leads_out_of_the_folder_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(OSError, match="no file can have this name"):
        Folder(tmp_path).delete(key)


def test_a_place_that_takes_nothing_ends_the_run(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        (both.source / f"{number}.txt").write_text("x")

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "put", full)
    with pytest.raises(SetupError, match=r"in a row could not be brought over.*No space left"):
        both.run()


def test_two_runs_at_a_time_are_refused(both: Both) -> None:
    refused = pytest.raises(SetupError, match="another run is using it")
    with CatalogueJournal(both.target / STATE), refused, CatalogueJournal(both.target / STATE):
        """Not reached."""


@pytest.mark.parametrize(
    ("source", "target", "apart"),
    [
        ("a", "a", False), ("a", "a/b", False), ("a/b", "a", False), ("a", "ab", True), ("a/../b", "b", False),
        ("s3://one/x", "s3://one/x/", False), ("s3://one", "s3://one/x", False), ("s3://one/x", "s3://one/xy", True),
        ("s3://one/x", "gs://one/x", True), ("s3://one", "s3://two", True), ("s3://one/x", "one/x", True),
    ],
)  # fmt: skip
def test_places_that_lie_in_one_another_are_told(source: str, target: str, apart: bool) -> None:
    assert are_apart(source, target) is apart


def test_a_large_file_that_is_no_picture_goes_through_in_parts(both: Both) -> None:
    content = os.urandom(9 << 20)
    (both.source / "film.mp4").write_bytes(content)
    assert both.outcomes()["film.mp4"] is Outcome.COPIED
    assert both.files["film.mp4"] == content


def test_an_entry_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b.leanpix-tmp").write_text("half")
    os.mkfifo(tmp_path / "pipe")
    assert [entry.key for entry in Folder(tmp_path).entries()] == ["a"]
    assert Folder(tmp_path).entry("gone") is None
    assert isinstance(Folder(tmp_path).entry("a"), Entry)


def sync(home: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(LEANPIX), "sync", *map(str, words)]
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=120, check=False)


def test_the_command_over_folders(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "hat.jpg").write_bytes(encoded(gradient(300, 200), quality=98))
    (shop / "broken.jpg").write_bytes(b"no picture")
    (shop / "prices.txt").write_text("1.00")
    first = sync(tmp_path, shop, tmp_path / "out", "--json")
    assert first.returncode == 1, first.stderr
    summary = json.loads(first.stdout.splitlines()[-1])["summary"]
    assert (summary["compressed"], summary["copied"], summary["failed"]) == (1, 1, 1)
    assert (tmp_path / "out" / "hat.jpg").stat().st_size < (shop / "hat.jpg").stat().st_size
    assert (tmp_path / "out" / "broken.jpg").read_bytes() == b"no picture"
    again = sync(tmp_path, shop, tmp_path / "out")
    assert "broken.jpg: failed:" in again.stderr
    assert "done before" in again.stdout
    (shop / "broken.jpg").unlink()
    only = sync(tmp_path, shop, tmp_path / "pictures", "--pictures-only", "--dry-run")
    assert (only.returncode, "hat.jpg: would be compressed" in only.stdout) == (0, True)
    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("none", "out"), "there is no folder none"),
        ((".", "./out"), "lie in one another"),
        (("ftp://host/x", "out"), "s3://bucket/prefix, gs://bucket/prefix, az://bucket/prefix are allowed"),
    ],
)
def test_wrong_places_are_one_line(tmp_path: Path, words: tuple[str, str], told: str) -> None:
    done = subprocess.run(
        [LEANPIX, "sync", *words], env=environment(tmp_path), capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert told in done.stderr
