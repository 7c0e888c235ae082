"""Inserts that leave alone what is there already, in the words of each database.

PostgreSQL's are loaded where it is the database: one machine by itself would hold 40 modules of them for nothing.
"""

from __future__ import annotations

from sqlalchemy import Insert, Table
from sqlalchemy.dialects import sqlite


def insert_if_new(dialect: str, table: Table) -> Insert:
    """An insert into the table that does nothing where one of its unique keys is taken. dialect: SQLAlchemy's name."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - see above

        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
