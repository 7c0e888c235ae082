"""How many tasks a key was charged for this month: exact, though what was counted once is not counted again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support.ledger import Book, SettableClock, success

from leanpix.service.execute import record
from leanpix.service.usage import MonthCounts

DAY_S = 86400


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 1, 0, 5, tzinfo=UTC).timestamp())


def charge(book: Book, key_id: str, at: float) -> None:
    task = book.claimed(book.task(key_id))
    with book.database.transaction() as change:
        record(change, task, success(task), at)


def test_the_count_is_exact_over_the_month_and_begins_again_with_the_next(book: Book, clock: SettableClock) -> None:
    account, _ = book.account("key", 100), book.account("other", 100)
    counts = MonthCounts(book.database, clock)
    charge(book, "key", clock() - 600)  # last month's
    charge(book, "other", clock())
    made = 0
    for _ in range(4):
        charge(book, "key", clock())
        made += 1
        assert counts.count(account) == made
        charge(book, "key", clock() - 299)  # by a node whose clock is behind
        made += 1
        assert counts.count(account) == MonthCounts(book.database, clock).count(account) == made
        clock.move(5 * DAY_S)
    clock.move(10 * DAY_S)
    assert counts.count(account) == 0
    charge(book, "key", clock())
    assert counts.count(account) == 1
