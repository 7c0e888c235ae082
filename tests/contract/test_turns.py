"""Whose task is next: keys take turns."""

from __future__ import annotations

from tests.support.ledger import Book


def ready(book: Book, limit: int = 100) -> list[str]:
    with book.database.reading() as view:
        return [turn.task_id for turn in view.tasks.ready(limit)]


def test_one_keys_backlog_does_not_delay_another_keys_first_task(book: Book) -> None:
    book.account("flooding", 1000)
    book.account("modest", 1000)
    flood = [book.task("flooding", created_at=float(i)) for i in range(10)]
    first, second = (book.task("modest", created_at=100.0 + i) for i in range(2))
    assert ready(book) == [flood[0], first, flood[1], second, *flood[2:]]


def test_what_a_key_has_running_counts_as_its_turns(book: Book) -> None:
    book.account("flooding", 1000)
    book.account("modest", 1000)
    flood = [book.task("flooding", created_at=float(i)) for i in range(5)]
    for task_id in flood[:2]:
        book.claimed(task_id)
    modest = [book.task("modest", created_at=100.0 + i) for i in range(3)]
    assert ready(book)[:4] == [modest[0], modest[1], flood[2], modest[2]]


def test_a_single_keys_tasks_come_oldest_first(book: Book) -> None:
    book.account(credit=1000)
    tasks = [book.task(created_at=float(moment)) for moment in (3, 1, 2)]
    assert ready(book) == [tasks[1], tasks[2], tasks[0]]
    assert ready(book, limit=1) == [tasks[1]]
