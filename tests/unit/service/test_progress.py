"""Progress is shown beside the work: what passes quickly is not written, what has ended is not written over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from tests.support.ledger import Book

from leanpix.domain.states import TaskState
from leanpix.service.progress import Progress


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "test.db") as book:
        book.account()
        yield book


@pytest.fixture
def progress(book: Book) -> Iterator[Progress]:
    progress = Progress(book.database)
    thread = Thread(target=progress.run)
    thread.start()
    yield progress
    progress.stop()
    thread.join()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_a_state_that_lasts_is_written(book: Book, progress: Progress) -> None:
    fence = book.claimed(book.task()).fence
    for state in (TaskState.PROCESSING, TaskState.PUBLISHING):
        progress.show(fence, state)
        until(lambda state=state: book.get(fence.task_id).state is state)  # type: ignore[misc] # bound early


def test_the_states_of_an_attempt_that_is_over_are_not_written(book: Book, progress: Progress) -> None:
    short, lasting = (book.claimed(book.task()).fence for _ in range(2))
    progress.show(short, TaskState.PROCESSING)
    progress.show(short, TaskState.PUBLISHING)
    progress.forget(short)
    progress.show(lasting, TaskState.PROCESSING)
    until(lambda: book.get(lasting.task_id).state is TaskState.PROCESSING)
    assert book.get(short.task_id).state is TaskState.PREPARING


def test_a_late_state_does_not_touch_a_task_that_was_handed_on(book: Book, progress: Progress) -> None:
    late = book.claimed(book.task(), "late").fence
    with book.database.transaction() as change:
        change.tasks.hand_back(late)
    quick, other = book.claimed(late.task_id, "quick"), book.claimed(book.task())
    progress.show(late, TaskState.PUBLISHING)
    progress.show(other.fence, TaskState.PROCESSING)
    until(lambda: book.get(other.id).state is TaskState.PROCESSING)
    assert book.get(quick.id) == quick
