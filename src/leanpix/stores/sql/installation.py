"""Facts of the installation as a whole, in a SQL database."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from leanpix.stores.sql.connections import SqlConnection
from leanpix.stores.sql.tables import installation

_FINGERPRINT = "secret_fingerprint"
_READ = select(installation.c.value).where(installation.c.name == bindparam("of_name"))
_CLAIM = {
    name: insert_into(installation).on_conflict_do_nothing()
    for name, insert_into in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
_FORGET = delete(installation).where(installation.c.name == bindparam("of_name"))


class SqlInstallation:
    """The facts, within one transaction."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection

    def secret_fingerprint(self) -> str | None:
        """The fingerprint of the secret that keys are hashed with, or None where none was recorded yet."""
        found: str | None = self._connection.scalar(_READ, {"of_name": _FINGERPRINT})
        return found

    def claim_secret(self, fingerprint: str) -> str:
        """The recorded fingerprint: this one where there was none. Of several at once exactly one gets it."""
        claimed = _CLAIM[self._connection.dialect.name]
        self._connection.execute(claimed, {"name": _FINGERPRINT, "value": fingerprint})
        return self.secret_fingerprint() or fingerprint

    def replace_secret(self, fingerprint: str) -> None:
        """Record another one."""
        self._connection.execute(_FORGET, {"of_name": _FINGERPRINT})
        self._connection.execute(insert(installation), {"name": _FINGERPRINT, "value": fingerprint})
