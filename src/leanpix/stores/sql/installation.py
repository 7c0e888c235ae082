"""Facts of the installation as a whole, in a SQL database."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Insert, bindparam, select, update

from leanpix.stores.sql.connections import SqlConnection
from leanpix.stores.sql.tables import installation
from leanpix.stores.sql.upserts import insert_if_new

_FINGERPRINT, _MARKER = "secret_fingerprint", "store_marker"
_READ = select(installation.c.value).where(installation.c.name == bindparam("of_name"))
_CORRECT = update(installation).where(installation.c.name == bindparam("of_name")).values(value=bindparam("new"))


class SqlInstallation:
    """The facts, within one transaction."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection

    def secret_fingerprint(self) -> str | None:
        """The fingerprint of the secret that keys are hashed with, or None where none was recorded yet."""
        return self._recorded(_FINGERPRINT)

    def claim_secret(self, fingerprint: str) -> str:
        """The recorded fingerprint: this one where there was none. Of several at once exactly one gets it."""
        return self._claimed(_FINGERPRINT, fingerprint)

    def replace_secret(self, fingerprint: str) -> None:
        """Record another one."""
        self._replace(_FINGERPRINT, fingerprint)

    def store_marker(self) -> str | None:
        """What the marker in the file store says, or None where none was recorded yet."""
        return self._recorded(_MARKER)

    def claim_store(self, marker: str) -> str:
        """The recorded marker: this one where there was none. Of several at once exactly one gets it."""
        return self._claimed(_MARKER, marker)

    def replace_store(self, marker: str) -> None:
        """Record another one."""
        self._replace(_MARKER, marker)

    def _recorded(self, name: str) -> str | None:
        found: str | None = self._connection.scalar(_READ, {"of_name": name})
        return found

    def _claimed(self, name: str, value: str) -> str:
        self._connection.execute(_claim(self._connection.dialect.name), {"name": name, "value": value})
        return self._recorded(name) or value

    def _replace(self, name: str, value: str) -> None:
        # Not removed and written again: the second of two nodes at once would find the first one's row in its way.
        self._claimed(name, value)
        self._connection.execute(_CORRECT, {"of_name": name, "new": value})


@cache
def _claim(dialect: str) -> Insert:
    return insert_if_new(dialect, installation)
