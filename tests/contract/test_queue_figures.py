"""The queue in figures is the same over every database."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

from tests.support.cluster import until
from tests.support.ledger import Book, SettableClock
from tests.support.ports import Node, migrated_database, over_sql, postgres_node
from tests.support.servers import Postgres

from leanpix.domain.webhook import Callback, WebhookState
from leanpix.queues.settings import QueueSettings
from leanpix.service.observing import QueueFigures
from leanpix.stores.sql.figures import queue_figures


@over_sql
def test_an_empty_queue_is_all_zeros(node: Node, clock: SettableClock) -> None:
    assert queue_figures(node.database, clock()) == QueueFigures(0, 0, 0.0, 0)


@over_sql
def test_waiting_running_age_and_held_credits_are_told_apart(node: Node, book: Book, clock: SettableClock) -> None:
    book.account(credit=100)
    running = book.task(created_at=clock() - 500, held=2)
    book.claimed(running)
    for age_s in (40, 10):
        book.task(created_at=clock() - age_s)
    assert queue_figures(node.database, clock()) == QueueFigures(2, 1, 40.0, 4)


@over_sql
def test_webhooks_that_are_still_to_be_delivered_are_counted_with_the_oldest_ones_age(
    node: Node, book: Book, clock: SettableClock
) -> None:
    book.account()
    callback = Callback("https://receiver.example/", "https://img.example")
    with node.database.transaction() as change:
        for number, age_s in enumerate((90, 30, 500)):
            change.deliveries.add(f"task-{number}", "key", callback, clock() - age_s)
        told = change.deliveries.claim("task-2", clock(), clock() + 1000, clock() + 10)
        assert told is not None
        change.deliveries.note(replace(told, state=WebhookState.DELIVERED, due_at=None))
    found = queue_figures(node.database, clock())
    assert (found.webhooks, found.oldest_webhook_s) == (2, 90.0)


def test_workers_count_as_alive_by_their_signs_of_life(postgres: Postgres) -> None:
    with postgres_node(migrated_database(postgres), QueueSettings(heartbeat_s=0.2, stale_s=1)) as node:
        assert queue_figures(node.database, 0, stale_s=1).live_workers == 0
        deliveries = node.new_deliveries()
        thread = Thread(target=deliveries.run, args=(lambda _task_id: False,), kwargs={"concurrency": 1})
        thread.start()
        until(lambda: queue_figures(node.database, 0, stale_s=1).live_workers == 1, 30)
        deliveries.stop()
        thread.join()
        assert queue_figures(node.database, 0, stale_s=1).live_workers == 0
