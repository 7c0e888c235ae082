"""The URL of a database that machines share: read, named for people, and what is said where it does not answer.

Apart from postgres.py: a machine by itself does not load PostgreSQL's library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from leanpix.domain.errors import SetupError, StoreUnavailableError

_DRIVER = "postgresql+psycopg"


def postgres_url(text: str) -> URL:
    """The URL for SQLAlchemy; SetupError where it is none of PostgreSQL."""
    try:
        url = make_url(text)
    except ArgumentError as failure:
        raise SetupError("LEANPIX_DATABASE_URL is no URL: postgresql://user:password@host/database") from failure
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise SetupError(f"LEANPIX_DATABASE_URL starts with {url.drivername}: only postgresql:// is supported")
    return url.set(drivername=_DRIVER)


def database_named(text: str) -> str:
    """Which database it is, for people: without the user's password."""
    url = postgres_url(text)
    return f"PostgreSQL database {url.database or url.username or ''} at {url.host or 'the local socket'}"


@contextmanager
def told_where(text: str) -> Iterator[None]:
    """A database that cannot be reached within the block, as a SetupError with the cause in one line."""
    try:
        yield
    except (StoreUnavailableError, DBAPIError) as failure:
        cause = failure.__cause__ if isinstance(failure, StoreUnavailableError) else failure
        said = str(cause.orig if isinstance(cause, DBAPIError) else cause or "").strip().splitlines()
        why = f": {said[0]}" if said else ""
        raise SetupError(f"the {database_named(text)} of LEANPIX_DATABASE_URL does not answer{why}") from failure
