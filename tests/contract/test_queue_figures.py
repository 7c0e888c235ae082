"""The queue in figures is the same over every database."""

from __future__ import annotations

from tests.support.ledger import Book, SettableClock
from tests.support.ports import Node, needs_sql

from leanpix.service.observing import QueueFigures
from leanpix.stores.sql.figures import queue_figures


def test_an_empty_queue_is_all_zeros(node: Node, clock: SettableClock) -> None:
    needs_sql(node)
    assert queue_figures(node.database, clock()) == QueueFigures(0, 0, 0.0, 0)


def test_waiting_running_age_and_held_credits_are_told_apart(node: Node, book: Book, clock: SettableClock) -> None:
    needs_sql(node)
    book.account(credit=100)
    running = book.task(created_at=clock() - 500, held=2)
    book.claimed(running)
    for age_s in (40, 10):
        book.task(created_at=clock() - age_s)
    assert queue_figures(node.database, clock()) == QueueFigures(2, 1, 40.0, 4)
