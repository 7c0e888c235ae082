"""Credits: held, then settled or released, once, together with the task's state."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from psycopg import IntegrityError
from sqlalchemy import text
from tests.support.ledger import Book, SettableClock, success
from tests.support.ports import Node, over_sql

from leanpix.domain.account import Account
from leanpix.domain.errors import CreditsExhaustedError
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome, Task
from leanpix.queues.signals import LocalSignals
from leanpix.service.execute import record
from leanpix.service.submit import QueueBounds, Submit, Upload
from leanpix.stores.files.blobs import LocalBlobs

REFUSED = (sqlite3.IntegrityError, IntegrityError)
FAILED = Outcome(TaskState.INVALID_IMAGE, "no picture")


def ended_as(task: Task | None) -> TaskState | None:
    return None if task is None else task.state


@pytest.mark.parametrize("credit", [None, 10])
def test_an_account_is_read_as_it_was_added(book: Book, credit: int | None) -> None:
    added = [Account(name, name, 2.5, credit, is_admin=name == "me", created_at=1.0) for name in ("me", "you")]
    with book.database.transaction() as change:
        for number, account in enumerate(added):
            change.accounts.add(account, bytes([number]))
    with book.database.reading() as view:
        assert view.accounts.list() == added
        assert view.accounts.credentials("you") == (added[1], b"\1")
        assert [repr(one.is_admin) for one in view.accounts.list()] == ["True", "False"]  # 1 is equal to True


def test_a_success_costs_what_was_held(book: Book) -> None:
    book.account(credit=10)
    task = book.claimed(book.task())
    with book.database.transaction() as change:
        assert ended_as(record(change, task, success(task), 3.0)) is TaskState.SUCCEEDED
    assert book.credit() == 9
    assert book.entries(task.id) == [("hold", -1), ("settle", -1)]
    assert book.get(task.id).charged == 1


@pytest.mark.parametrize("outcome", [success, lambda _task: FAILED])
def test_what_is_told_of_an_end_is_what_the_row_says(book: Book, outcome: Callable[..., Outcome]) -> None:
    book.account(credit=10)
    task = book.claimed(book.task())
    with book.database.transaction() as change:
        ended = record(change, task, outcome(task), 3.0)
    assert ended == book.get(task.id)


def test_a_large_picture_costs_one_more_than_was_held(book: Book) -> None:
    book.account(credit=10)
    task = book.claimed(book.task())
    with book.database.transaction() as change:
        record(change, task, success(task, side_px=5000), 3.0)
    assert book.credit() == 8
    assert book.get(task.id).charged == 2


def test_a_large_picture_on_the_last_credit_fails_for_nothing_and_never_below_zero(book: Book) -> None:
    book.account(credit=1)
    task = book.claimed(book.task())
    with book.database.transaction() as change:
        assert ended_as(record(change, task, success(task, side_px=5000), 3.0)) is TaskState.NOT_MEETING_REQUIREMENTS
    assert book.credit() == 1
    assert book.entries(task.id) == [("hold", -1), ("release", 1)]


def test_a_large_picture_is_paid_with_the_last_credits_that_its_header_had_held(book: Book) -> None:
    book.account(credit=2)
    task = book.claimed(book.task())
    with book.database.transaction() as change:
        assert change.accounts.raise_hold("key", task.id, 2)
        assert change.tasks.raise_held(task.fence, 2)
    assert book.credit() == 0
    with book.database.transaction() as change:
        assert ended_as(record(change, task, success(task, side_px=5000), 3.0)) is TaskState.SUCCEEDED
    assert book.credit() == 0
    assert book.entries(task.id) == [("hold", -2), ("settle", -2)]


def test_usage_is_by_the_utc_day_to_the_last_moment_of_it(book: Book) -> None:
    book.account(credit=100)
    midnight = 20_000 * 86_400.0
    for moment in (midnight - 0.4, midnight, midnight + 86_399.6, midnight + 86_400, midnight + 20_000 * 86_400):
        task = book.claimed(book.task())
        with book.database.transaction() as change:
            record(change, task, success(task), moment)
    with book.database.reading() as view:
        days = [(usage.day, usage.tasks, usage.credits) for usage in view.accounts.usage("key", 19_999)]
    assert days == [(19_999, 1, 1), (20_000, 2, 2), (20_001, 1, 1), (40_000, 1, 1)]


def test_a_failure_costs_nothing(book: Book) -> None:
    book.account(credit=10)
    task = book.claimed(book.task(held=2))
    with book.database.transaction() as change:
        record(change, task, FAILED, 3.0)
    assert book.credit() == 10
    assert book.get(task.id).charged == 0


@pytest.mark.parametrize("first", [success, lambda _task: FAILED])
@pytest.mark.parametrize("second", [success, lambda _task: FAILED])
def test_a_task_that_has_ended_cannot_end_again(
    book: Book, first: Callable[..., Outcome], second: Callable[..., Outcome]
) -> None:
    book.account(credit=10)
    task = book.claimed(book.task())
    with book.database.transaction() as change:
        record(change, task, first(task), 3.0)
    before = (book.get(task.id), book.credit(), book.entries(task.id))
    with book.database.transaction() as change:
        assert record(change, task, second(task), 4.0) is None
    assert (book.get(task.id), book.credit(), book.entries(task.id)) == before


def test_a_late_worker_that_lost_its_task_changes_nothing(book: Book) -> None:
    book.account(credit=10)
    late = book.claimed(book.task(), owner="late")
    with book.database.transaction() as change:
        change.tasks.hand_back(late.fence)
    quick = book.claimed(late.id, owner="quick")
    with book.database.transaction() as change:
        assert record(change, late, success(late), 3.0) is None
    assert book.entries(late.id) == [("hold", -1)]
    with book.database.transaction() as change:
        assert ended_as(record(change, quick, success(quick), 3.0)) is TaskState.SUCCEEDED
    assert book.credit() == 9


@pytest.mark.parametrize("credit", [10, None])
def test_what_was_not_held_cannot_be_settled(book: Book, credit: int | None) -> None:
    book.account(credit=credit)
    with pytest.raises(REFUSED), book.database.transaction() as change:
        change.accounts.settle("key", "no task", 1, 3.0)
    assert book.credit() == credit
    assert book.entries("no task") == []


@pytest.mark.parametrize(("one", "two"), [("settle", "release"), ("release", "settle"), ("settle", "settle")])
def test_the_store_itself_refuses_to_close_a_hold_twice(book: Book, one: str, two: str) -> None:
    book.account(credit=10)
    task_id = book.task()

    def close(kind: str) -> None:
        with book.database.transaction() as change:
            if kind == "settle":
                change.accounts.settle("key", task_id, 1, 3.0)
            else:
                change.accounts.release("key", task_id, 3.0)

    close(one)
    balance = book.credit()
    with pytest.raises(REFUSED):
        close(two)
    assert book.credit() == balance


@over_sql
def test_the_store_itself_refuses_a_negative_balance(book: Book) -> None:
    book.account(credit=1)
    with pytest.raises(REFUSED), book.database.transaction() as change:
        change.connection.execute(text("UPDATE accounts SET credits = credits - 2"))
    assert book.credit() == 1


def test_state_and_charge_are_kept_together_or_not_at_all(book: Book) -> None:
    def interrupted(task: Task) -> None:
        with book.database.transaction() as change:
            record(change, task, success(task), 3.0)
            raise KeyboardInterrupt

    book.account(credit=10)
    task = book.claimed(book.task())
    with pytest.raises(KeyboardInterrupt):
        interrupted(task)
    assert not book.get(task.id).state.is_final
    assert book.entries(task.id) == [("hold", -1)]


def test_200_parallel_requests_on_a_balance_of_50_take_exactly_50(node: Node, book: Book, tmp_path: Path) -> None:
    account = book.account(credit=50)
    submit = Submit(
        database=book.database,
        rates=node.rates,
        blobs=LocalBlobs(tmp_path / "files", 0),
        signals=LocalSignals(),
        bounds=QueueBounds(1000, 1000),
        now=SettableClock(),
    )

    def one(_number: int) -> str | None:
        try:
            return submit.submit(account, Upload(b"a picture"), CompressionOptions(quality=80), ReturnType.URL)
        except CreditsExhaustedError:
            return None

    with ThreadPoolExecutor(16) as threads:
        accepted = [task_id for task_id in threads.map(one, range(200)) if task_id is not None]
    assert len(accepted) == 50
    assert book.credit() == 0
    sources = {path.name for path in (tmp_path / "files" / "sources").iterdir()}
    assert sources == set(accepted), "a refused request has left its source behind"
