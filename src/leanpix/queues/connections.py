"""What delivery and wake-ups need of a database's connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import TextClause

from leanpix.service.ports import Answer


class Executes(Protocol):
    """The part of a connection that it takes to enqueue."""

    def execute(self, statement: TextClause, values: Mapping[str, Any], /) -> object:
        """Run a statement."""


class RunsBehind(Protocol):
    """A connection in a transaction, behind which statements may run."""

    def execute_behind(self, statement: TextClause, values: Mapping[str, Any], /) -> Answer:
        """Have a statement run as soon as the transaction is kept, in the same trip; afterwards: whether it has."""


class Row(Protocol):
    """One row: its columns by number."""

    def __getitem__(self, number: int, /) -> Any:  # noqa: ANN401 - column values of several types
        """The column at this place."""


class Rows(Protocol):
    """What a statement gave."""

    def first(self) -> Row | None:
        """The first row, or None."""


class Connection(Protocol):
    """One connection, as long as somebody has it."""

    def execute(self, statement: TextClause, values: Mapping[str, Any], /) -> Rows:
        """Run a statement."""

    def scalar(self, statement: TextClause, values: Mapping[str, Any], /) -> Any:  # noqa: ANN401 - as above
        """The first column of the first row, or None."""

    def scalars(self, statement: TextClause, values: Mapping[str, Any], /) -> Iterator[Any]:
        """The first column of each row."""


class Connections(Protocol):
    """Connections to one database."""

    def autocommit(self) -> AbstractContextManager[Connection]:
        """A connection on which each statement is kept by itself."""

    def in_transaction(self) -> AbstractContextManager[Connection]:
        """One in a transaction that is kept when the block ends, and undone when it raises."""
