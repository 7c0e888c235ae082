"""PostgreSQL for many machines: engines whose connections notice a dead peer, and hold no lock beyond one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event

from leanpix.stores.sql.attempts import TidyConnection
from leanpix.stores.sql.database_url import postgres_url
from leanpix.stores.sql.liveness import notice_lost_connections
from leanpix.stores.sql.pooler import Pooling

# Long enough for any statement of ours on a busy server, short against the patience of a client: a connection that
# was cut without a word is given up on both ends, so that a lost worker keeps no row locked.
_PEER_S = 8
_TURN_S, _SHORTEST_TURN_S = 4.0 * _PEER_S, 1.0
_SESSION = {
    "idle_in_transaction_session_timeout": f"{_PEER_S}s",
    "lock_timeout": f"{2 * _PEER_S}s",
    "statement_timeout": f"{4 * _PEER_S}s",
    "tcp_user_timeout": f"{_PEER_S}s",
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_UNWAITED = {"synchronous_commit": "off"}
_CONNECT: dict[str, str | int] = {
    "connect_timeout": 4,
    "tcp_user_timeout": _PEER_S * 1000,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


def libpq_url(text: str) -> str:
    """The same database, and the same care for dead peers, for libraries that take libpq's own URLs."""
    url = postgres_url(text).set(drivername="postgresql")
    url = url.update_query_dict({name: str(value) for name, value in _CONNECT.items()})
    return url.render_as_string(hide_password=False)


def postgres_engine(
    text: str,
    *,
    durable: bool,
    connections: int,
    pooling: Pooling = Pooling.NONE,
    turn_s: float = _TURN_S,
) -> Engine:
    """An engine of up to `connections`, with transactions that wait for the disk at commit.

    turn_s: how long somebody waits for one of them while all are in use.

    durable False: one where each statement is kept by itself, without that wait, in a single trip to the server.
    pooling: behind a pooler of transactions each statement waits for the disk, for no session can be told not to.
    """
    session = _SESSION | ({} if durable else _UNWAITED)
    options = {"options": " ".join(f"-c {name}={value}" for name, value in session.items())}
    engine = create_engine(
        postgres_url(text),
        connect_args={
            **_CONNECT,
            **(options if pooling is Pooling.NONE else pooling.connect_options),
            "application_name": "leanpix",
        },
        isolation_level="READ COMMITTED" if durable else "AUTOCOMMIT",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=max(turn_s, _SHORTEST_TURN_S),
        hide_parameters=True,  # an error is logged with its statement, never with what customers sent
    )
    notice_lost_connections(engine)
    _connect_tidily(engine)
    if pooling is Pooling.SESSION:
        _set_once_connected(engine, session)
    elif pooling is Pooling.TRANSACTION and durable:
        _set_in_each_transaction(engine)
    return engine


def transaction_preamble(pooling: Pooling, *, waits: bool) -> LiteralString | None:
    """What each transaction begins with, where its session may have been another's. waits: its commit, for the disk."""
    return _set_locally(waits=waits) if pooling is Pooling.TRANSACTION else None


def plain_connection(text: str) -> TidyConnection:
    """A connection that asks nothing of its session and opens no transactions: to look what stands there, or listen."""
    return TidyConnection.connect(libpq_url(text), autocommit=True, application_name="leanpix", prepare_threshold=None)


def _connect_tidily(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _entry: object, words: list[str], options: dict[str, Any]) -> TidyConnection:
        return TidyConnection.connect(*words, **options)


def _set_once_connected(engine: Engine, session: Mapping[str, str]) -> None:
    """A pooler takes no options with a connection, but the session behind it is this connection's alone."""

    @event.listens_for(engine, "connect")
    def _set(connection: psycopg.Connection, _entry: object) -> None:
        connection.execute(_setting(session, is_local=False))
        connection.commit()


def _set_in_each_transaction(engine: Engine) -> None:
    statement = _set_locally(waits=True)

    @event.listens_for(engine, "begin")
    def _set(connection: Connection) -> None:
        connection.exec_driver_sql(statement)


def _set_locally(*, waits: bool) -> LiteralString:
    session = _SESSION | ({} if waits else _UNWAITED)
    return _setting({name: value for name, value in session.items() if not name.startswith("tcp_")}, is_local=True)


def _setting(values: Mapping[str, LiteralString], *, is_local: bool) -> LiteralString:
    word: LiteralString = "true" if is_local else "false"
    parts = [f"set_config('{name}', '{value}', {word})" for name, value in values.items()]
    return "SELECT " + ", ".join(parts)
