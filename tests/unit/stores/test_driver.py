"""SQLite by its driver: what is given is what is run, and nothing is left open behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Lock, Thread

import pytest
from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.exc import MultipleResultsFound, NoResultFound

from leanpix.domain.errors import StoreUnavailableError
from leanpix.stores.sql.database import sqlite_engine
from leanpix.stores.sql.driver import DriverConnections
from leanpix.stores.sql.tables import metadata, submissions

OF_TOKEN = select(submissions).where(submissions.c.token == bindparam("of_token"))
COUNT = select(func.count()).select_from(submissions)


def row(token: str) -> dict[str, object]:
    return {"key_id": "key", "token": token, "fingerprint": "f", "task_id": "t", "created_at": 1.0}


@pytest.fixture
def connections(tmp_path: Path) -> Iterator[DriverConnections]:
    engine = sqlite_engine(tmp_path / "test.db")
    metadata.create_all(engine)
    engine.dispose()
    connections = DriverConnections(tmp_path / "test.db", "NORMAL", Lock())
    yield connections
    connections.close()


def test_rows_have_their_columns_by_name_and_by_number(connections: DriverConnections) -> None:
    with connections.autocommit() as connection:
        assert connection.execute(insert(submissions), [row("a"), row("b")]).rowcount == 2
        found = connection.execute(OF_TOKEN, {"of_token": "b"}).one()
        assert (found.token, found[1], list(found)[:2]) == ("b", "b", ["key", "b"])
        listed = select(submissions.c.token).where(submissions.c.token.in_(["a", "b", "c"])).order_by("token")
        assert list(connection.scalars(listed)) == ["a", "b"]
        assert connection.execute(OF_TOKEN, {"of_token": "c"}).first() is None
        assert connection.scalar(OF_TOKEN, {"of_token": "c"}) is None


def test_as_many_rows_as_were_said_or_an_error(connections: DriverConnections) -> None:
    with connections.connected() as connection:
        with pytest.raises(NoResultFound):
            connection.execute(OF_TOKEN, {"of_token": "a"}).one()
        connection.execute(insert(submissions), [row("a"), row("b")])
        with pytest.raises(MultipleResultsFound):
            connection.execute(select(submissions.c.token)).scalar_one()


def test_a_value_that_was_forgotten_is_an_error_and_not_null(connections: DriverConnections) -> None:
    with connections.connected() as connection, pytest.raises(sqlite3.ProgrammingError, match="of_token"):
        connection.execute(OF_TOKEN)


def test_the_same_statement_with_other_columns_writes_those(connections: DriverConnections) -> None:
    with connections.connected() as connection:
        connection.execute(insert(submissions), row("a"))
        with pytest.raises(sqlite3.IntegrityError, match="task_id"):
            connection.execute(insert(submissions), {"key_id": "key", "token": "b", "fingerprint": "f"})


def test_a_transaction_that_raises_leaves_no_row_and_no_lock(connections: DriverConnections) -> None:
    def write(*tokens: str) -> None:
        with connections.in_transaction() as connection:
            for token in tokens:
                connection.execute(insert(submissions), row(token))

    with pytest.raises(sqlite3.IntegrityError):
        write("a", "a")
    with connections.in_transaction() as connection:
        assert connection.scalar(COUNT) == 0


def test_writers_wait_for_each_other_and_lose_nothing(connections: DriverConnections) -> None:
    together = Barrier(8)

    def write(writer: int) -> None:
        together.wait()
        for number in range(20):
            with connections.in_transaction() as connection:
                connection.execute(insert(submissions), row(f"{writer}-{number}"))

    threads = [Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connections.connected() as connection:
        assert connection.scalar(COUNT) == 160


def test_what_the_database_cannot_do_has_one_name(connections: DriverConnections, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError), connections.connected() as connection:
        connection.execute(text("SELECT 1 FROM nowhere"))
    elsewhere = DriverConnections(tmp_path / "no folder" / "test.db", "NORMAL", Lock())
    with pytest.raises(StoreUnavailableError), elsewhere.connected():
        pytest.fail("a connection to nothing")
