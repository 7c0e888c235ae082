"""SQLAlchemy's statements as text for a driver: built and compiled once each, but not run by its engine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.sql.compiler import SQLCompiler

from leanpix.stores.sql.connections import SqlRow, Statement, Values

_MOST_KEPT = 512  # some four times as many as there are


class Compiled(NamedTuple):
    """A statement's text, and the values that are part of it."""

    text: str
    fixed: Values


class Compiler:
    """Compiles statements for one dialect, each once for each set of names of the values given beside it."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        # The names are columns to be written. A statement that is built for one use has mostly all of its values in it,
        # which may be many: it goes with its use.
        self._known: WeakKeyDictionary[Statement, Compiled] = WeakKeyDictionary()
        self._with_values = lru_cache(maxsize=_MOST_KEPT)(self._compile)

    def compiled(self, statement: Statement, names: tuple[str, ...]) -> Compiled:
        """The statement for values of these names."""
        if names:
            return self._with_values(statement, names)
        found = self._known.get(statement)
        if found is None:
            found = self._known[statement] = self._compile(statement, names)
        return found

    def _compile(self, statement: Statement, names: tuple[str, ...]) -> Compiled:
        lists_written_out = {"render_postcompile": True}
        compiled = statement.compile(
            dialect=self.dialect, column_keys=list(names) or None, compile_kwargs=lists_written_out
        )
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("a statement without parameters")
        asked_for = {name for bind, name in compiled.bind_names.items() if bind.required}
        return Compiled(
            str(compiled), {name: value for name, value in compiled.params.items() if name not in asked_for}
        )


def only(rows: Sequence[SqlRow]) -> SqlRow:
    """The only row of these; NoResultFound, MultipleResultsFound."""
    if not rows:
        raise NoResultFound
    if len(rows) > 1:
        raise MultipleResultsFound
    return rows[0]


def first_column(row: SqlRow | None) -> Any:  # noqa: ANN401 - column values of several types
    """The row's first column; None where there is no row."""
    return None if row is None else row[0]
