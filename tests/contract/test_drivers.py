"""SQLite and PostgreSQL by their drivers: what is given is what is run, and nothing is left open behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread

import psycopg
import pytest
from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from tests.support.ports import migrated_database
from tests.support.servers import Postgres

from leanpix.domain.errors import OutcomeUnknownError, StoreUnavailableError
from leanpix.stores.sql.connections import Connections
from leanpix.stores.sql.database import sqlite_engine
from leanpix.stores.sql.driver import DriverConnections, SqliteWriter
from leanpix.stores.sql.pooler import Pooling
from leanpix.stores.sql.postgres import postgres_engine, transaction_preamble
from leanpix.stores.sql.postgres_driver import PostgresConnections
from leanpix.stores.sql.tables import metadata, submissions

OF_TOKEN = select(submissions).where(submissions.c.token == bindparam("of_token"))
REFUSED = (sqlite3.IntegrityError, psycopg.IntegrityError)
FORGOTTEN = (sqlite3.ProgrammingError, psycopg.ProgrammingError)
COUNT = select(func.count()).select_from(submissions)


def row(token: str) -> dict[str, object]:
    return {"key_id": "key", "token": token, "fingerprint": "f", "task_id": "t", "created_at": 1.0}


@pytest.fixture(params=["sqlite", "postgres"])
def connections(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connections]:
    if request.param == "sqlite":
        engine = sqlite_engine(tmp_path / "test.db")
        metadata.create_all(engine)
        engine.dispose()
        connections: Connections = DriverConnections(tmp_path / "test.db", "NORMAL", SqliteWriter(tmp_path / "test.db"))
    else:
        connections = postgres_connections(request.getfixturevalue("postgres"), 4)
    yield connections
    connections.close()


def postgres_connections(server: Postgres, most: int) -> PostgresConnections:
    return PostgresConnections(postgres_engine(migrated_database(server), durable=True, connections=most, turn_s=20))


@pytest.fixture
def one(postgres: Postgres) -> Iterator[PostgresConnections]:
    """A pool of one: what one user leaves behind is what the next one finds."""
    connections = postgres_connections(postgres, 1)
    yield connections
    connections.close()


def test_rows_have_their_columns_by_name_and_by_number(connections: Connections) -> None:
    with connections.autocommit() as connection:
        assert connection.execute(insert(submissions), [row("a"), row("b")]).rowcount == 2
        found = connection.execute(OF_TOKEN, {"of_token": "b"}).one()
        assert (found.token, found[1], list(found)[:2]) == ("b", "b", ["key", "b"])
        listed = select(submissions.c.token).where(submissions.c.token.in_(["a", "b", "c"])).order_by("token")
        assert list(connection.scalars(listed)) == ["a", "b"]
        assert connection.execute(OF_TOKEN, {"of_token": "c"}).first() is None
        assert connection.scalar(OF_TOKEN, {"of_token": "c"}) is None


def test_as_many_rows_as_were_said_or_an_error(connections: Connections) -> None:
    with connections.connected() as connection:
        with pytest.raises(NoResultFound):
            connection.execute(OF_TOKEN, {"of_token": "a"}).one()
        connection.execute(insert(submissions), [row("a"), row("b")])
        with pytest.raises(MultipleResultsFound):
            connection.execute(select(submissions.c.token)).scalar_one()


def test_a_value_that_was_forgotten_is_an_error_and_not_null(connections: Connections) -> None:
    with connections.connected() as connection, pytest.raises(FORGOTTEN, match="of_token"):
        connection.execute(OF_TOKEN)


def test_the_same_statement_with_other_columns_writes_those(connections: Connections) -> None:
    with connections.connected() as connection:
        connection.execute(insert(submissions), row("a"))
        with pytest.raises(REFUSED, match="task_id"):
            connection.execute(insert(submissions), {"key_id": "key", "token": "b", "fingerprint": "f"})


def test_a_transaction_that_raises_leaves_no_row_and_no_lock(connections: Connections) -> None:
    def write(*tokens: str) -> None:
        with connections.in_transaction() as connection:
            for token in tokens:
                connection.execute(insert(submissions), row(token))

    with pytest.raises(REFUSED):
        write("a", "a")
    with connections.in_transaction() as connection:
        assert connection.scalar(COUNT) == 0


def test_writers_wait_for_each_other_and_lose_nothing(connections: Connections) -> None:
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


def test_what_sqlite_cannot_do_has_one_name(tmp_path: Path) -> None:
    here = DriverConnections(tmp_path / "test.db", "NORMAL", SqliteWriter(tmp_path / "test.db"))
    with pytest.raises(StoreUnavailableError), here.connected() as connection:
        connection.execute(text("SELECT 1 FROM nowhere"))
    here.close()
    nowhere = tmp_path / "no folder" / "test.db"
    elsewhere = DriverConnections(nowhere, "NORMAL", SqliteWriter(nowhere))
    with pytest.raises(StoreUnavailableError), elsewhere.connected():
        pytest.fail("a connection to nothing")
    for turn in (elsewhere.autocommit, elsewhere.in_transaction, elsewhere.autocommit):
        with pytest.raises(StoreUnavailableError), turn():
            pytest.fail("a connection to nothing")


def test_each_who_writes_to_a_file_of_sqlite_waits_for_the_disk_as_it_is_to(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    writer = SqliteWriter(path)
    waits, hurries = DriverConnections(path, "FULL", writer), DriverConnections(path, "NORMAL", writer)
    for connections, level in ((waits, 2), (hurries, 1), (hurries, 1), (waits, 2)):
        with connections.in_transaction() as connection:
            assert connection.scalar(text("PRAGMA synchronous")) == level
    with pytest.raises(KeyError), hurries.in_transaction() as connection:
        raise KeyError
    with waits.autocommit() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 2
    for connections in (waits, hurries):
        connections.close()
    with hurries.in_transaction() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 1
    hurries.close()


def written_twice(connections: PostgresConnections, *, looks: bool) -> list[str]:
    """Break a constraint; where the failure was told."""
    told = ["before"]
    with suppress(psycopg.errors.UniqueViolation), connections.in_transaction() as connection:
        for _ in range(2):
            connection.execute(insert(submissions), row("a"))
        told.append("within")
        if looks:
            connection.scalar(COUNT)
            told.append("nowhere")
        told.append("at the end")
    return told


def test_a_statement_whose_rows_nobody_looks_at_fails_later_and_nothing_is_kept(one: PostgresConnections) -> None:
    assert written_twice(one, looks=False)[-1] == "at the end"
    assert written_twice(one, looks=True)[-1] == "within"
    with one.in_transaction() as connection:
        assert connection.scalar(COUNT) == 0


def interrupted(connections: PostgresConnections, processes: set[int]) -> None:
    with connections.in_transaction() as connection:
        connection.execute(insert(submissions), row("a"))
        processes.add(connection.scalar(text("SELECT pg_backend_pid()")))
        raise KeyboardInterrupt


def test_a_block_that_raises_leaves_a_connection_that_is_used_again(one: PostgresConnections) -> None:
    processes: set[int] = set()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            interrupted(one, processes)
    with one.connected() as connection:
        processes.add(connection.scalar(text("SELECT pg_backend_pid()")))
        assert connection.scalar(COUNT) == 0
    assert len(processes) == 1


def lost(connections: PostgresConnections, *, looks: bool) -> None:
    with connections.in_transaction() as connection:
        connection.execute(insert(submissions), row("a"))
        connection.driver.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        if looks:
            connection.scalar(COUNT)


def test_a_connection_that_is_lost_within_a_transaction_is_named_and_replaced(one: PostgresConnections) -> None:
    with pytest.raises(StoreUnavailableError):
        lost(one, looks=True)
    with pytest.raises(OutcomeUnknownError):
        lost(one, looks=False)
    with one.in_transaction() as connection:
        assert connection.scalar(COUNT) == 0
        connection.execute(insert(submissions), row("a"))
    with one.connected() as connection:
        assert connection.scalar(COUNT) == 1


def test_of_several_columns_of_one_name_the_first_has_it(connections: Connections) -> None:
    with connections.connected() as connection:
        found = connection.execute(text("SELECT 1 AS side, 2 AS side")).one()
        assert (found.side, found[1]) == (1, 2)


def test_what_runs_behind_a_transaction_runs_once_that_is_kept_and_only_then(one: PostgresConnections) -> None:
    counted = text("INSERT INTO submissions SELECT key_id, :token, fingerprint, task_id, created_at FROM submissions")

    def write(*tokens: str, behind: str) -> bool:
        with one.in_transaction() as connection:
            ran = connection.execute_behind(counted, {"token": behind})
            for token in tokens:
                connection.execute(insert(submissions), row(token))
        return bool(ran)

    assert write("a", behind="b")
    with pytest.raises(REFUSED):
        write("c", "c", behind="d")
    # Two rows would have the same token: what fails behind is not done, and undoes nothing.
    assert not write("e", behind="f")
    with one.connected() as connection:
        assert sorted(connection.scalars(select(submissions.c.token))) == ["a", "b", "e"]
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"


def test_only_what_waits_for_the_disk_is_told_to(postgres: Postgres) -> None:
    url = migrated_database(postgres)
    for waits, setting in ((True, "on"), (False, "off")):
        for pooling in (Pooling.NONE, Pooling.TRANSACTION):
            engine = postgres_engine(url, durable=waits, connections=1, pooling=pooling)
            connections = PostgresConnections(engine, transaction_preamble(pooling, waits=waits))
            with connections.in_transaction() as connection:
                assert connection.scalar(text("SHOW synchronous_commit")) == setting
            connections.close()
