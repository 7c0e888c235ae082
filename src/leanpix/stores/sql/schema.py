"""The schema's revision: which one a database is at, and bringing it to this version's."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from leanpix.domain.errors import SetupError
from leanpix.stores.sql.connecting import connecting, in_transaction
from leanpix.stores.sql.tables import metadata

HEAD = "0013"  # revisions are numbers of four digits, so their order is that of their text
_VERSION_TABLE = "alembic_version"
_MIGRATION_LOCK = 0x6C65616E706978  # "leanpix": one migration at a time in a shared database


def revision(connection: Connection) -> str | None:
    """The revision that the database is at, or None where it is empty."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {_VERSION_TABLE}"))  # noqa: S608 - a constant
    return found


def migrate(engine: Engine, target: str = "head") -> str | None:
    """Bring the database to the target revision in one transaction; the revision it was at before.

    One that a newer version has brought further is left as it is. StoreUnavailableError where it does not answer.
    """
    with in_transaction(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        before = revision(connection)
        if before is None and target == "head" and connection.dialect.name == "sqlite":
            _create(connection)
        elif target != "head" or before is None or before < HEAD:
            _upgrade(connection, target)
    return before


def require_current(engine: Engine, *, patience_s: float = 0) -> None:
    """SetupError where the database is behind this version's revision, StoreUnavailableError where it is away.

    Ahead it may be: revisions only add, so that a node of the old version can start again while an upgrade goes on.
    """
    with connecting(engine, patience_s) as connection:
        found = revision(connection)
    if found is None or found < HEAD:
        state = "is empty" if found is None else f"is at schema revision {found}"
        raise SetupError(f"the database {state} and this version needs {HEAD}: run `leanpix migrate` once")


def _create(connection: Connection) -> None:
    """A new file's tables as they are today: going through all revisions takes a library that stays in memory.

    PostgreSQL has more than our tables (procrastinate's own, with their functions), and goes through the revisions.
    """
    metadata.create_all(connection)
    connection.execute(text(f"CREATE TABLE {_VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {_VERSION_TABLE} VALUES (:head)"), {"head": HEAD})  # noqa: S608 - as above


def _upgrade(connection: Connection, target: str) -> None:
    # alembic costs a fifth of a second to import, and 12 MB: only a database that needs it pays.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
