"""The URL of a database that machines share: read, named for people, and what is said where it does not answer.

Apart from postgres.py: a machine by itself does not load PostgreSQL's library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from leanpix.domain.errors import NotYetError, SetupError, StoreUnavailableError

_DRIVER = "postgresql+psycopg"
# What no wait mends. libpq gives no code for why a connection was not made, only PostgreSQL's words: where those are in
# another language than English, the wait is for nothing and its end says the same.
_LASTING = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "no pg_hba.conf entry",
    "permission denied",
    "certificate",
    "SSL was required",
    "is not permitted to log in",
)


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
def told_where(text: str, setting: str = "LEANPIX_DATABASE_URL") -> Iterator[None]:
    """A database that cannot be reached within the block, as a SetupError with the cause in one line.

    NotYetError where it may answer in a while.
    """
    try:
        yield
    except (StoreUnavailableError, DBAPIError) as failure:
        cause = failure.__cause__ if isinstance(failure, StoreUnavailableError) else failure
        why = _cause_line(str(cause.orig if isinstance(cause, DBAPIError) else cause or ""))
        kind = SetupError if any(words in why for words in _LASTING) else NotYetError
        told = f": {why}" if why else ""
        raise kind(f"the {database_named(text)} of {setting} does not answer{told}") from failure


def _cause_line(said: str) -> str:
    """The line that tells why: of several addresses that were tried, the first one's."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Multiple connection attempts failed"):
        return lines[1].removeprefix("- ")
    return lines[0] if lines else ""
