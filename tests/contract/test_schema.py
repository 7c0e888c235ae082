"""Schema revisions: from any to the newest, the same as the models, refused where they are old."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from tests.support.servers import Postgres

import leanpix.stores.sql
from leanpix.domain.errors import SetupError
from leanpix.stores.sql.database import sqlite_engine
from leanpix.stores.sql.postgres import postgres_engine
from leanpix.stores.sql.schema import HEAD, migrate, require_current, revision
from leanpix.stores.sql.tables import metadata

SCRIPTS = ScriptDirectory(str(Path(leanpix.stores.sql.__file__).with_name("migrations")))
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()]


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = sqlite_engine(tmp_path / "test.db")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        engine = postgres_engine(server.new_database(), durable=True, connections=2)
    yield engine
    engine.dispose()


def ours(_object: Any, name: str | None, _kind: str, *_more: Any) -> bool:
    return not str(name).startswith("procrastinate_")


def test_the_newest_revision_is_the_one_that_is_asked_for() -> None:
    assert SCRIPTS.get_current_head() == HEAD


def test_a_migrated_database_is_what_the_models_say(empty: Engine) -> None:
    migrate(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
        assert compare_metadata(context, metadata) == []


def test_a_new_file_has_what_the_revisions_make(tmp_path: Path) -> None:
    made, migrated = (sqlite_engine(tmp_path / name) for name in ("made.db", "migrated.db"))
    migrate(made)
    migrate(migrated, HEAD)  # by its number: revision by revision
    assert columns_and_indexes(made) == columns_and_indexes(migrated)
    with made.connect() as connection:
        assert revision(connection) == HEAD
    made.dispose()
    migrated.dispose()


def columns_and_indexes(engine: Engine) -> dict[str, list[object]]:
    """All that SQLite has, whatever order it was made in: constraints are a part of a table's text."""
    looked = inspect(engine)
    found: dict[str, list[object]] = {}
    for table in looked.get_table_names():
        columns = sorted(
            (column["name"], str(column["type"]), column["nullable"], str(column["default"]))
            for column in looked.get_columns(table)
        )
        keys = [looked.get_pk_constraint(table)["constrained_columns"], looked.get_check_constraints(table)]
        foreign = sorted(str(key) for key in looked.get_foreign_keys(table))
        unique = sorted(str(sorted(one["column_names"])) for one in looked.get_unique_constraints(table))
        indexes = sorted(
            (str(one["name"]), str(one["column_names"]), one["unique"]) for one in looked.get_indexes(table)
        )
        found[table] = [columns, keys, foreign, unique, indexes]
    return found


@pytest.mark.parametrize("start", REVISIONS)
def test_every_revision_leads_to_the_newest_and_keeps_its_rows(empty: Engine, start: str) -> None:
    migrate(empty, start)
    with empty.begin() as connection:
        connection.execute(
            text("INSERT INTO accounts VALUES ('key', 'shop', :hash, 2, 10, :admin, 1, NULL)"),
            {"hash": bytes(32), "admin": False},
        )
        connection.execute(
            text(
                "INSERT INTO tasks (id, key_id, state, options, return_type, source_kind, created_at, held, charged,"
                " attempt, beat) VALUES ('task', 'key', 0, '{}', 1, 'upload', 1, 1, 0, 0, 0)"
            )
        )
    assert migrate(empty) == start
    with empty.connect() as connection:
        assert revision(connection) == HEAD
        assert connection.scalar(text("SELECT credits FROM accounts")) == 10
        assert connection.scalar(text("SELECT id FROM tasks")) == "task"


def test_migrating_again_changes_nothing(empty: Engine) -> None:
    assert migrate(empty) is None
    assert migrate(empty) == HEAD


def test_a_database_that_a_newer_version_has_brought_further_is_taken_as_it_is(empty: Engine) -> None:
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert migrate(empty) == "9999"
    require_current(empty)
    with empty.connect() as connection:
        assert revision(connection) == "9999"


def test_revisions_are_ordered_by_their_text() -> None:
    assert sorted(REVISIONS, reverse=True) == REVISIONS


def test_an_empty_or_older_database_is_refused_with_what_to_do(empty: Engine) -> None:
    with pytest.raises(SetupError, match=r"is empty.*leanpix migrate"):
        require_current(empty)
    migrate(empty, REVISIONS[-1])
    with pytest.raises(SetupError, match=rf"revision {REVISIONS[-1]}.*leanpix migrate"):
        require_current(empty)
    migrate(empty)
    require_current(empty)
