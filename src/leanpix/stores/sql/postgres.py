"""PostgreSQL for many machines: engines whose connections notice a dead peer, and hold no lock beyond one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event

from leanpix.stores.sql.attempts import TidyConnection
from leanpix.stores.sql.database_url import postgres_url
from leanpix.stores.sql.liveness import notice_lost_connections

# Long enough for any statement of ours on a busy server, short against the patience of a client: a connection that
# was cut without a word is given up on both ends, so that a lost worker keeps no row locked.
_PEER_S = 8
_SESSION = {
    "idle_in_transaction_session_timeout": f"{_PEER_S}s",
    "lock_timeout": f"{2 * _PEER_S}s",
    "statement_timeout": f"{4 * _PEER_S}s",
    "tcp_user_timeout": f"{_PEER_S}s",
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
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


def postgres_engine(text: str, *, durable: bool, connections: int) -> Engine:
    """An engine of up to `connections`, with transactions that wait for the disk at commit.

    durable False: one where each statement is kept by itself, without that wait, in a single trip to the server.
    """
    session = _SESSION | ({} if durable else {"synchronous_commit": "off"})
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    engine = create_engine(
        postgres_url(text),
        connect_args={**_CONNECT, "options": options, "application_name": "leanpix"},
        isolation_level="READ COMMITTED" if durable else "AUTOCOMMIT",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=4 * _PEER_S,
        hide_parameters=True,  # an error is logged with its statement, never with what customers sent
    )
    notice_lost_connections(engine)

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _entry: object, words: list[str], options: dict[str, Any]) -> TidyConnection:
        return TidyConnection.connect(*words, **options)

    return engine
