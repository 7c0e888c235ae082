"""What the models of the repositories have in common: methods that are one statement each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from tests.simulation.rows import Work

_P = ParamSpec("_P")
_R = TypeVar("_R")


class ConstraintError(sqlite3.IntegrityError):
    """The store refuses what would break a constraint."""


class Repository:
    """The rows of one kind in one transaction."""

    __slots__ = ("work",)

    def __init__(self, work: Work) -> None:
        self.work = work


def statement(method: Callable[Concatenate[Any, _P], _R]) -> Callable[Concatenate[Any, _P], _R]:
    """A method that is one statement: nothing comes between its parts but waits for locks."""
    what = method.__qualname__.removeprefix("Model").lower()

    @wraps(method)
    def run(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        work: Work = self.work
        work.statement(what)
        with work.rows.mutex:
            result = method(self, *args, **kwargs)
            if work.written:
                work.end_statement(what)
        return result

    return run
