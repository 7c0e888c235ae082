"""Delivery on one machine: a slot is for working on a picture, not for storing what came of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Self, cast

import pytest
from tests.support.ledger import Book

from leanpix.domain.task import QueueEntry
from leanpix.queues.embedded import EmbeddedTaskQueue
from leanpix.queues.signals import LocalSignals
from leanpix.service.ports import Database, Place
from leanpix.stores.sql.database import SqlDatabase, SqlTransaction


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


class CountedLooks:
    """A database that counts how often it is looked at."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database, self.looks = database, 0

    def reading(self) -> AbstractContextManager[SqlTransaction]:
        self.looks += 1
        return self._database.reading()


class Line:
    """A queue that runs over a book of its own. begun: in this order; each goes on until it may end."""

    def __init__(self, book: Book, concurrency: int) -> None:
        self.book, self.begun = book, list[str]()
        self.counted, self._since_s = CountedLooks(book.database), time.monotonic()
        self.may_end: dict[str, Event] = {}
        self.signals, self.failures = LocalSignals(), list[BaseException]()
        self.queue = EmbeddedTaskQueue(cast("Database", self.counted), self.signals, self.failures.append)
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

    def entry(self, key_id: str = "key") -> QueueEntry:
        """What stands for a task that is not kept yet."""
        entry = QueueEntry(str(uuid.uuid4()), key_id)
        self.may_end[entry.task_id] = Event()
        return entry

    def keep(self, entry: QueueEntry) -> None:
        with self.book.database.transaction() as change:
            self.book.new_task(change, entry.key_id, created_at=float(len(self.may_end)), task_id=entry.task_id)

    def accepted(self, key_id: str = "key", *, asks: bool = True) -> str:
        entry = self.entry(key_id)
        place = self.signals.place(entry) if asks else None
        self.keep(entry)
        if place is None:
            self.signals.work_added(entry)
        else:
            place.begin()
        return entry.task_id

    def has_begun(self, task_id: str) -> bool:
        return task_id in self.begun

    @property
    def seconds(self) -> float:
        """Since it began: it looks once in each by itself."""
        return time.monotonic() - self._since_s

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


def place_of(line: Line) -> tuple[QueueEntry, Place]:
    """A place, once the queue has looked at the table and found nothing."""
    found: list[tuple[QueueEntry, Place]] = []

    def ask() -> bool:
        place = line.signals.place(entry := line.entry())
        found.extend([] if place is None else [(entry, place)])
        return bool(found)

    until(ask)
    return found[0]


def test_a_task_that_has_a_place_begins_without_a_look_at_the_table(book: Book) -> None:
    with Line(book, 2) as line:
        entry, place = place_of(line)
        line.keep(entry)
        place.begin()
        until(lambda: line.begun == [entry.task_id])


def test_a_place_that_is_given_back_is_the_next_ones(book: Book) -> None:
    with Line(book, 1) as line:
        _, place = place_of(line)
        waiting = line.accepted("other")
        assert line.begun == []
        place.give_back()
        until(lambda: line.begun == [waiting])


def test_a_task_that_has_a_place_begins_though_the_queue_has_been_stopped_meanwhile(book: Book) -> None:
    with Line(book, 1) as line:
        entry, place = place_of(line)
        line.queue.stop()
        line.keep(entry)
        place.begin()
        until(lambda: line.begun == [entry.task_id])


def test_one_that_asks_for_a_place_waits_behind_what_was_told_of_before(book: Book) -> None:
    with Line(book, 1) as line:
        first = line.accepted()
        until(lambda: line.begun == [first])
        earlier, later = line.accepted("other", asks=False), line.accepted("other")
        line.may_end[first].set()
        until(lambda: line.begun == [first, earlier])
        line.may_end[earlier].set()
        until(lambda: line.begun == [first, earlier, later])


def test_what_cannot_begin_yet_costs_no_look_when_it_comes_and_one_when_its_turn_comes(book: Book) -> None:
    with Line(book, 2) as line:
        busy = [line.accepted() for _ in range(2)]
        until(lambda: sorted(line.begun) == sorted(busy))
        before = line.counted.looks
        waiting = [line.accepted() for _ in range(20)]
        for task_id in [*busy, *waiting]:
            until(partial(line.has_begun, task_id))
            line.may_end[task_id].set()
        until(lambda: len(line.begun) == 22)
        polls = 1 + line.seconds
        assert line.counted.looks - before <= len(waiting) + 2 + polls


def test_there_is_no_place_where_no_slot_is_free(book: Book) -> None:
    with Line(book, 1) as line:
        first, second = line.accepted(), line.accepted()
        until(lambda: line.begun == [first])
        line.may_end[first].set()
        until(lambda: line.begun == [first, second])


def test_there_is_no_place_once_the_queue_has_stopped(book: Book) -> None:
    with Line(book, 1) as line:
        place_of(line)[1].give_back()
        line.queue.stop()
        assert line.signals.place(line.entry()) is None
    assert line.begun == []
