"""Which open tasks a restored file store has no source for: uploads, addresses to fetch, and pictures that were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.ledger import Book, SettableClock
from tests.support.ports import sqlite_node

from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.domain.task import SourceKind, Task
from leanpix.service.batch import BatchBounds, BatchDesk, BatchSize, BatchTerms, NamedSource
from leanpix.service.blob_keys import source_key
from leanpix.service.check_restored import SOURCE_LOST, CheckRestored, Restored
from leanpix.service.submit import Upload
from leanpix.stores.files.blobs import LocalBlobs


def test_a_task_ends_where_the_file_is_missing_that_it_needs_next(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "files", 0)
    with sqlite_node(tmp_path, SettableClock()) as node:
        book = Book(node.database)
        book.account(credit=10)
        kinds = {
            "upload": (SourceKind.UPLOAD, None, "sources/"),
            "to fetch": (SourceKind.URL, "host", "sources/"),
            "fetched": (SourceKind.URL, None, "fetched/"),
        }
        there: dict[str, str] = {}
        gone: dict[str, str] = {}
        for name, (kind, host, folder) in kinds.items():
            for tasks in (there, gone):
                tasks[name] = book.task()
                as_sent(book, tasks[name], kind, host)
            blobs.put(folder + there[name], b"a picture or an address")
            other = "sources/" if folder == "fetched/" else "fetched/"
            blobs.put(other + gone[name], b"the wrong one")
        running = book.claimed(book.task())
        check = CheckRestored(book.database, blobs, node.signals, SettableClock())
        assert check(is_trial=True) == check(is_trial=True) == Restored(open=3, ended=4, results=0, results_missing=0)
        assert book.credit() == 3, "a trial gives nothing back"
        assert check() == Restored(open=3, ended=4, results=0, results_missing=0)
        assert book.credit() == 7
        for task_id in (*gone.values(), running.id):
            task = book.get(task_id)
            assert (task.state, task.message, task.charged) == (TaskState.FAILED, SOURCE_LOST, 0)
        assert all(book.get(task_id).completed_at is None for task_id in there.values())
        assert check() == Restored(open=3, ended=0, results=0, results_missing=0)


def test_pictures_of_a_batch_that_wait_for_their_turn_end_too_and_cost_nothing(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "files", 0)
    with sqlite_node(tmp_path, SettableClock()) as node:
        book, clock = Book(node.database), SettableClock()
        account = book.account(credit=10)
        desk = BatchDesk(book.database, blobs, BatchBounds(2, 10_000, 10_000), 3600, clock)
        sources = (NamedSource(f"{number}.jpg", Upload(b"picture")) for number in range(4))
        batch_id = desk.submit(account, sources, BatchTerms(CompressionOptions(quality=80)), BatchSize(4))
        with book.database.reading() as view:
            task_ids = view.batches.task_ids(batch_id)
        for task_id in task_ids[:3]:
            blobs.delete(source_key(task_id))
        check = CheckRestored(book.database, blobs, node.signals, clock)
        assert check(is_trial=True) == check() == Restored(open=1, ended=3, results=0, results_missing=0)
        assert check() == Restored(open=1, ended=0, results=0, results_missing=0)
        with book.database.reading() as view:
            assert view.batches.counts(batch_id) == {None: 1, TaskState.FAILED: 3}
        assert {book.get(task_id).message for task_id in task_ids[:3]} == {SOURCE_LOST}
        assert book.credit() == 10


def as_sent(book: Book, task_id: str, kind: SourceKind, host: str | None) -> None:
    """Let the waiting task have come in this way."""
    with book.database.transaction() as change:
        task: Task | None = change.tasks.get(task_id)
        assert task is not None
        sent = replace(task, source_kind=kind, fetch_host=host)
        change.tasks.delete([task_id])
        change.tasks.add(sent)
