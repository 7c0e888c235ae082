"""Connections to PostgreSQL of which a failed attempt leaves no socket behind.

An attempt that timed out or was cancelled lives on in its own traceback, a cycle that only the garbage collector ends.
The server waits a minute for the first word of who has connected, and cannot shut down while it does.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg


class TidyConnection(psycopg.Connection):
    """psycopg's own, and tidy."""

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:  # noqa: ANN401 - as psycopg takes them
        """A new connection; what psycopg raises, with the socket closed."""
        with _closed_on_failure():
            return super().connect(conninfo, **options)


@contextmanager
def _closed_on_failure() -> Iterator[None]:
    try:
        yield
    except BaseException as failure:  # a cancelled attempt, too
        traceback.clear_frames(failure.__traceback__)
        raise
