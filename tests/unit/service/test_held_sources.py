"""Sources that lie with a process until their task has ended, or is promised."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.ledger import Book

from leanpix.domain.errors import StoreUnavailableError
from leanpix.service import held_sources
from leanpix.service.blob_keys import source_key
from leanpix.service.held_sources import HeldSources
from leanpix.service.open_files import all_of
from leanpix.service.spool import IN_MEMORY_BYTES, MemoryRoom
from leanpix.stores.files.blobs import LocalBlobs

HOLDER = "holder"


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "files", 0)


def spooled(folder: Path, content: bytes) -> Path:
    path = folder / f"spool {content[:8]!r}"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("is_file", [False, True])
def test_it_is_read_as_often_as_is_needed_and_gone_when_it_is_dropped(tmp_path: Path, *, is_file: bool) -> None:
    held, content = HeldSources(HOLDER), b"picture" * 1000
    source = spooled(tmp_path, content) if is_file else content
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert held.hold("task", source)
    if isinstance(source, Path):
        source.unlink()
    for _ in range(2):
        opened = held.open("task")
        assert opened is not None
        with opened:
            assert all_of(opened) == content
    assert held.drop("task")
    assert held.open("task") is None
    assert not held.drop("task")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_open_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_sources, "_MOST_FILES", 2)
    held, source = HeldSources(HOLDER), spooled(tmp_path, b"picture")
    assert [held.hold(f"{number}", source) for number in range(3)] == [True, True, False]
    assert held.hold("bytes", b"picture")
    held.drop("0")
    assert held.hold("3", source)
    for task_id in held.close():
        held.drop(task_id)


def test_memory_for_what_is_not_quite_small_is_bounded_and_given_back() -> None:
    size = IN_MEMORY_BYTES + 1
    room = MemoryRoom(2 * size)
    held = HeldSources(HOLDER, room)
    assert [held.hold(f"{number}", bytes(size)) for number in range(3)] == [True, True, False]
    assert held.hold("small", b"picture")
    assert held.drop("0")
    assert not held.drop("0")
    assert held.hold("3", bytes(size))
    for task_id in held.close():
        held.drop(task_id)
    assert room.used == 0


@pytest.mark.parametrize("is_file", [False, True])
def test_a_promise_stores_it_and_lets_go_of_it(tmp_path: Path, blobs: LocalBlobs, *, is_file: bool) -> None:
    with Book(tmp_path / "rows.db") as book:
        book.account()
        held, task_id = HeldSources(HOLDER), book.held_task(HOLDER)
        held.hold(task_id, spooled(tmp_path, b"picture") if is_file else b"picture")
        held.accepted(task_id)
        assert [fence.task_id for fence in held.waiting()] == [task_id]
        held.promise(book.database, blobs, task_id)
        held.promise(book.database, blobs, task_id)
        assert not held.drop(task_id)
        assert book.get(task_id).owner is None
    assert blobs.get(source_key(task_id)) == b"picture"
    assert (held.open(task_id), held.waiting()) == (None, [])


def test_what_may_be_in_the_store_is_not_said_to_be_in_none(tmp_path: Path) -> None:
    with Book(tmp_path / "rows.db") as book:
        book.account()
        held, task_id = HeldSources(HOLDER), book.held_task(HOLDER)
        held.hold(task_id, b"picture")
        told: list[bool] = []

        class EndsMeanwhile(LocalBlobs):
            def put(self, key: str, content: bytes | memoryview | Path, *, waits: bool = True) -> None:
                told.append(held.drop(task_id))
                super().put(key, content, waits=waits)

        held.promise(book.database, EndsMeanwhile(tmp_path / "files", 0), task_id)
    assert told == [False]


def test_what_another_process_took_for_dead_cannot_be_promised(tmp_path: Path, blobs: LocalBlobs) -> None:
    with Book(tmp_path / "rows.db") as book:
        held = HeldSources(HOLDER)
        held.hold("gone", b"picture")
        with pytest.raises(StoreUnavailableError):
            held.promise(book.database, blobs, "gone")
    assert blobs.get(source_key("gone")) is None


def test_only_what_has_ended_is_dropped_when_its_row_is_not_waiting_any_more(tmp_path: Path) -> None:
    with Book(tmp_path / "rows.db") as book:
        book.account()
        held, task_id = HeldSources(HOLDER), book.held_task(HOLDER)
        for one in (task_id, "gone"):
            held.hold(one, b"picture")
            held.drop_ended(book.database, one)
    assert held.open("gone") is None
    kept = held.open(task_id)
    assert kept is not None
    kept.close()


def test_a_process_that_stops_holds_nothing_new() -> None:
    held = HeldSources(HOLDER)
    held.hold("task", b"picture")
    assert held.close() == ["task"]
    assert not held.hold("another", b"picture")
