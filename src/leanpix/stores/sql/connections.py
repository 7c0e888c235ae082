"""What the repositories need of a connection: SQLAlchemy's own has it, and so has one of SQLite's driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Delete, Dialect, Insert, Select, TextClause, Update

Statement = Select[*tuple[Any, ...]] | Insert | Update | Delete | TextClause
Values = Mapping[str, Any]


class SqlRow(Protocol):
    """One row: its columns by name, or by number."""

    def __getattr__(self, name: str, /) -> Any:  # noqa: ANN401 - column values of several types
        """The column of this name."""

    def __getitem__(self, number: int, /) -> Any:  # noqa: ANN401 - column values of several types
        """The column at this place."""

    def __iter__(self) -> Iterator[Any]:
        """Each column."""


class SqlRows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def first(self) -> SqlRow | None:
        """The first row, or None."""

    def one(self) -> SqlRow:
        """The only row; SQLAlchemy's NoResultFound or MultipleResultsFound."""

    def scalar_one(self) -> Any:  # noqa: ANN401 - column values of several types
        """The only row's first column; raises as above."""

    def __iter__(self) -> Iterator[SqlRow]:
        """Each row."""


class Changed:
    """Whether a statement changed one row, waited for when it is looked at."""

    __slots__ = ("_rows",)

    def __init__(self, rows: SqlRows) -> None:
        self._rows = rows

    def __bool__(self) -> bool:
        """Whether it did."""
        return self._rows.rowcount == 1


class SqlConnection(Protocol):
    """A connection that runs SQLAlchemy's statements."""

    @property
    def dialect(self) -> Dialect:
        """The database's own SQL."""

    def execute(self, statement: Statement, values: Values | Sequence[Values] | None = None, /) -> SqlRows:
        """Run a statement, once for each of several sets of values."""

    def scalar(self, statement: Statement, values: Values | None = None, /) -> Any:  # noqa: ANN401 - as above
        """The first column of the first row, or None."""

    def scalars(self, statement: Statement, values: Values | None = None, /) -> Iterator[Any]:
        """The first column of each row."""


class Connections(Protocol):
    """Connections to one database, all set alike. StoreUnavailableError where one cannot be had, or is lost.

    A database that cannot be reached is tried again for up to patience_s.
    """

    def connected(self, patience_s: float = 0) -> AbstractContextManager[SqlConnection]:
        """A connection to look at things."""

    def autocommit(self, patience_s: float = 0) -> AbstractContextManager[SqlConnection]:
        """A connection on which each statement is kept by itself."""

    def in_transaction(self, patience_s: float = 0) -> AbstractContextManager[SqlConnection]:
        """One in a transaction that is kept when the block ends, and undone when it raises."""

    def close(self) -> None:
        """Close those that are not in use."""
