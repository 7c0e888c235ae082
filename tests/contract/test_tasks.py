"""Task rows: claimed once, written to by their owner only, seen by all nodes alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.support.ledger import Book, success

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Placeholder, SetImage
from leanpix.domain.request import CompressionOptions, Fit, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import SourceKind, StoredResult, Task

FULL = CompressionOptions(format=OutputFormat.WEBP, max_bytes=5000, width_px=10, height_px=20, fit=Fit.FILL)


def test_a_row_comes_back_as_it_was_written(book: Book) -> None:
    book.account()
    task = Task("t" * 36, "key", TaskState.QUEUED, FULL, ReturnType.BASE64, SourceKind.URL, 1_800_000_000.25, 2)
    task = replace(task, ignored=("widht", "image-url"))
    with book.database.transaction() as change:
        change.tasks.add(task)
    assert book.get(task.id) == task
    claimed = book.claimed(task.id)
    with book.database.transaction() as change:
        change.tasks.finish(claimed.fence, success(claimed), 7.5, 2)
    ended = book.get(task.id)
    assert (ended.state, ended.charged, ended.completed_at, ended.owner) == (TaskState.SUCCEEDED, 2, 7.5, None)
    assert (ended.result, ended.report) == (success(claimed).result, success(claimed).report)


def test_a_set_comes_back_with_every_picture_and_its_placeholder(book: Book) -> None:
    book.account()
    options = CompressionOptions(alternatives=(OutputFormat.AVIF, OutputFormat.JPG), widths=(400, 800), quality=75)
    task = Task("s" * 36, "key", TaskState.QUEUED, options, ReturnType.URL, SourceKind.UPLOAD, 1_800_000_000.25, 4)
    with book.database.transaction() as change:
        change.tasks.add(task)
    assert book.get(task.id) == task
    claimed, outcome = book.claimed(task.id), success(task)
    assert outcome.report is not None
    images = (
        SetImage("400.avif", 400, 267, OutputFormat.AVIF, 5_000, 75.25, 38),
        SetImage("400.jpg", 400, 267, OutputFormat.JPG, 9_000, None, 5_075),
    )
    report = replace(outcome.report, images=images, placeholder=Placeholder("3OcRJYB4d3h/iIeHeEh3eIhw+j3A", "a0b1c2"))
    made = replace(outcome, report=report, result=StoredResult("results/s/1.zip", OutputFormat.AVIF, 14_200))
    with book.database.transaction() as change:
        assert change.tasks.finish(claimed.fence, made, 7.5, 2)
    ended = book.get(task.id)
    assert (ended.report, ended.result, ended.charged) == (report, made.result, 2)
    assert ended.result is not None
    assert ended.result.suffix == "zip"


def test_a_comparison_comes_back_as_one(book: Book) -> None:
    book.account()
    options = CompressionOptions(compares=True)
    task = Task("c" * 36, "key", TaskState.QUEUED, options, ReturnType.URL, SourceKind.UPLOAD, 1_800_000_000.25, 1)
    with book.database.transaction() as change:
        change.tasks.add(task)
    assert book.get(task.id) == task


def test_of_many_workers_that_claim_one_task_exactly_one_gets_it(book: Book) -> None:
    book.account()
    task_id = book.task()

    def claim(number: int) -> Task | None:
        with book.database.autocommit() as change:
            return change.tasks.claim(task_id, f"worker {number}", 2.0)

    with ThreadPoolExecutor(8) as threads:
        won = [task for task in threads.map(claim, range(32)) if task is not None]
    assert len(won) == 1
    assert book.get(task_id) == won[0]


@pytest.mark.parametrize("taker", ["quick", "late"])
def test_every_write_of_a_lost_fence_is_refused(book: Book, taker: str) -> None:
    book.account()
    late = book.claimed(book.task(), "late")
    with book.database.transaction() as change:
        assert change.tasks.hand_back(late.fence)
    assert book.get(late.id).state is TaskState.WAITING
    quick = book.claimed(late.id, taker)
    assert quick.attempt == 2
    with book.database.transaction() as change:
        assert not change.tasks.advance(late.fence, TaskState.PUBLISHING)
        assert not change.tasks.finish(late.fence, success(late), 3.0, 1)
        assert not change.tasks.hand_back(late.fence)
        change.tasks.beat([late.fence])
    assert book.get(late.id) == quick


def test_a_sign_of_life_moves_the_counter_of_its_own_attempt(book: Book) -> None:
    book.account()
    tasks = [book.claimed(book.task()) for _ in range(3)]
    with book.database.autocommit() as change:
        change.tasks.beat([task.fence for task in tasks[:2]])
    with book.database.reading() as view:
        assert sorted(task.beat for task in view.tasks.running()) == [0, 1, 1]


def test_unfinished_tasks_are_counted_for_the_key_and_for_all(book: Book) -> None:
    book.account("one")
    book.account("two")
    tasks = [book.task("one"), book.task("one"), book.task("two")]
    done = book.claimed(tasks[0])
    with book.database.transaction() as change:
        change.tasks.finish(done.fence, success(done), 3.0, 1)
    with book.database.reading() as view:
        assert view.tasks.count_unfinished("one") == (1, 2, 2)
        assert view.tasks.count_unfinished("nobody") == (0, 2, 2)
        assert view.tasks.ended_before(3.5, 10) == [tasks[0]]
        assert set(view.tasks.waiting()) == set(tasks[1:])


def test_a_transaction_that_raises_leaves_nothing_and_delivers_nothing(book: Book) -> None:
    book.account()
    task = Task("t" * 36, "key", TaskState.QUEUED, FULL, ReturnType.URL, SourceKind.UPLOAD, 1.0, 1)

    def refused() -> None:
        with book.database.transaction() as change:
            change.accounts.hold("key", task.id, 1, 1.0)
            change.tasks.add(task)
            change.enqueue(task.id)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refused()
    with book.database.reading() as view:
        assert view.tasks.get(task.id) is None
        assert view.tasks.ready(10) == []
    assert book.credit() == 10


def test_a_row_is_kept_as_it_is_and_one_that_is_gone_is_told(book: Book) -> None:
    book.account()
    task_id = book.task()
    before = book.get(task_id)
    with book.database.transaction() as change:
        assert change.tasks.keep(task_id)
        assert not change.tasks.keep("gone")
    assert book.get(task_id) == before
    task = book.claimed(task_id)
    with book.database.transaction() as change:
        change.tasks.finish(task.fence, success(task), 3.0, 1)
    with book.database.transaction() as change:
        assert change.tasks.keep(task_id)
