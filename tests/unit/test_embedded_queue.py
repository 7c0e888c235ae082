"""Delivery on one machine: a slot is for working on a picture, not for storing what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Self

import pytest
from tests.support.ledger import Book

from leanpix.domain.task import QueueEntry
from leanpix.queues.embedded import EmbeddedTaskQueue
from leanpix.queues.signals import LocalSignals


def test_the_next_task_begins_while_another_one_is_recorded(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    with Book(tmp_path / "rows.db") as book:
        book.account()
        tasks = [book.task(created_at=float(number)) for number in range(2)]
        queue = EmbeddedTaskQueue(book.database, LocalSignals(), failures.append)
        begun, may_end = {task_id: Event() for task_id in tasks}, Event()

        def handle(task_id: str) -> bool:
            claimed = book.claimed(task_id)
            begun[task_id].set()
            if task_id == tasks[0]:
                queue.free(task_id)
                queue.free(task_id)
            may_end.wait(10)
            return claimed is not None

        runner = Thread(target=queue.run, args=(handle,), kwargs={"concurrency": 1})
        runner.start()
        try:
            assert begun[tasks[0]].wait(10)
            assert begun[tasks[1]].wait(10)
        finally:
            may_end.set()
            queue.stop()
            runner.join(10)
    assert failures == []


class Line:
    """A queue that runs over a book of its own. begun: in this order; each goes on until it may end."""

    def __init__(self, book: Book, concurrency: int) -> None:
        self.book, self.begun = book, list[str]()
        self.may_end: dict[str, Event] = {}
        self.signals, self.failures = LocalSignals(), list[BaseException]()
        self.queue = EmbeddedTaskQueue(book.database, self.signals, self.failures.append)
        self._runner = Thread(target=self.queue.run, args=(self._handle,), kwargs={"concurrency": concurrency})

    def __enter__(self) -> Self:
        self._runner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.queue.stop()
        for event in self.may_end.values():
            event.set()
        self._runner.join(10)
        assert self.failures == []

    def kept(self, key_id: str = "key") -> QueueEntry:
        """A task that waits, and that the queue was not told of."""
        entry = QueueEntry(self.book.task(key_id, created_at=float(len(self.may_end))), key_id)
        self.may_end[entry.task_id] = Event()
        return entry

    def accepted(self, key_id: str = "key", *, is_offered: bool = True) -> str:
        entry = self.kept(key_id)
        self.signals.work_added(entry if is_offered else None)
        return entry.task_id

    def _handle(self, task_id: str) -> bool:
        with self.book.database.autocommit() as change:
            claimed = change.tasks.claim(task_id, "me", 2.0)
        if claimed is None:
            return False
        self.begun.append(task_id)
        return self.may_end[task_id].wait(10)


def until(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        Event().wait(0.01)
    pytest.fail("it did not come to pass")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "rows.db") as book:
        book.account(credit=None)
        book.account("other", credit=None)
        yield book


def test_a_task_that_is_offered_begins_without_a_look_at_the_table(book: Book) -> None:
    with Line(book, 50) as line:
        taken = next(entry.task_id for entry in (line.kept() for _ in range(50)) if line.queue.offer(entry))
        until(lambda: taken in line.begun)


def test_one_that_is_offered_waits_behind_what_was_told_of_before(book: Book) -> None:
    with Line(book, 1) as line:
        first = line.accepted()
        until(lambda: line.begun == [first])
        earlier, later = line.accepted("other", is_offered=False), line.accepted("other")
        line.may_end[first].set()
        until(lambda: line.begun == [first, earlier])
        line.may_end[earlier].set()
        until(lambda: line.begun == [first, earlier, later])


def test_one_that_is_offered_has_no_slot_that_is_not_free(book: Book) -> None:
    with Line(book, 1) as line:
        first, second = line.accepted(), line.accepted()
        until(lambda: line.begun == [first])
        line.may_end[first].set()
        until(lambda: line.begun == [first, second])


def test_nothing_is_taken_once_the_queue_has_stopped(book: Book) -> None:
    with Line(book, 1) as line:
        line.queue.stop()
        assert not line.queue.offer(line.kept())
    assert line.begun == []
