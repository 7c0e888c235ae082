"""Whether this node's database, file store and secret belong together: a node that was set wrong does harm.

A worker beside another bucket would end customers' tasks for want of their sources, a sweeper there would remove what
is another installation's. So the database knows what a marker in its store says, and each node compares the two when it
starts and from time to time. The secret is compared with the fingerprint that the database knows.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock

from leanpix.domain.errors import SetupError, StoreRefusedError, StoreUnavailableError
from leanpix.service.ports import Blobs, Database, Transaction

MARKER_KEY = "installation"
# Recorded before the marker is written: a node that dies between the two leaves what the next one brings to its end.
_UNWRITTEN = "unwritten "
_ADOPT = "where that is meant, say so with `leanpix migrate --adopt-store`"


@dataclass(slots=True)
class Pairing:
    """What the node was last found to be. Thread-safe.

    glancing reads the database without patience. fingerprint is that of the node's secret. rows and files name database
    and store for people. on_change is told each time that another reason is found: why the node may take no work, or
    None where it may from now on. refused_for is that reason; it may take no work either before `is_proven`.
    """

    database: Database
    glancing: Callable[[], AbstractContextManager[Transaction]]
    blobs: Blobs
    fingerprint: str
    rows: str
    files: str
    on_change: list[Callable[[str | None], object]] = field(default_factory=list)
    refused_for: str | None = None
    has_other_secret: bool = False
    is_proven: bool = False
    _marker: bytes = b""
    _may_work: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    def admit(self) -> None:
        """Bind the store to a database that has none, and compare; SetupError, or StoreUnavailableError."""
        with suppress(StoreRefusedError):  # which the look tells
            self._bind()
        self.look()
        if self.refused_for is not None:
            raise SetupError(self.refused_for)

    def look(self) -> None:
        """Compare; StoreUnavailableError where database or store do not answer, and nothing else is known then."""
        with self.glancing() as view:
            recorded, secret = view.installation.store_marker(), view.installation.secret_fingerprint()
        self.has_other_secret = secret is not None and secret != self.fingerprint
        if self.has_other_secret:
            self._found(f"the secret of this node is not the one that {self.rows} knows: another was set since")
            return
        try:
            found = self.blobs.glance(MARKER_KEY)
        except StoreRefusedError as failure:
            self._found(failure.why)
        else:
            self._found(self._mismatch(recorded, found))

    def renew(self) -> None:
        """Write the marker again, so that no rule of the bucket removes it for its age.

        What was found there, not what the database says by now: that may be of the store that it was moved to.
        """
        self.look()
        if self.may_work:
            self.blobs.put(MARKER_KEY, self._marker)

    def adopt(self) -> None:
        """Say that the files of this database lie in this store, and in none that it was bound to before.

        StoreUnavailableError. Until both are written no node works.
        """
        marker = str(uuid.uuid4())
        self.blobs.put(MARKER_KEY, marker.encode())
        with self.database.transaction() as change:
            change.installation.replace_store(marker)

    def is_bound(self) -> bool:
        """Whether the database knows a store; StoreUnavailableError."""
        with self.glancing() as view:
            recorded = view.installation.store_marker()
        return recorded is not None and not recorded.startswith(_UNWRITTEN)

    @property
    def may_work(self) -> bool:
        """Whether all of it belongs together, as far as is known."""
        return self._may_work.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it does; whether it does."""
        return self._may_work.wait(timeout_s)

    def require(self) -> None:
        """StoreUnavailableError where the node may take no work."""
        if not self.may_work:
            raise StoreUnavailableError

    def _bind(self) -> None:
        with self.database.transaction() as change:
            recorded = change.installation.claim_store(_UNWRITTEN + str(uuid.uuid4()))
        if not recorded.startswith(_UNWRITTEN):
            return
        marker = recorded.removeprefix(_UNWRITTEN)
        if self.blobs.glance(MARKER_KEY) is None:
            self.blobs.put(MARKER_KEY, marker.encode())
        if self.blobs.glance(MARKER_KEY) == marker.encode():
            with self.database.transaction() as change:
                change.installation.replace_store(marker)

    def _mismatch(self, recorded: str | None, found: bytes | None) -> str | None:
        pair = f"{self.files} is not the file store of {self.rows}"
        if recorded is not None and found == recorded.encode():
            self._marker = found
            return None
        if found is None:
            return f"{pair}: its marker {MARKER_KEY!r} is not there; {_ADOPT}"
        if not _is_marker(found):
            return f"{self.files} is no file store: something else answers in its place"
        return f"{pair}: it has the marker of another database; {_ADOPT}"

    def _found(self, reason: str | None) -> None:
        with self._lock:
            is_new = reason != self.refused_for or (reason is None and not self.is_proven)
            self.refused_for = reason
            if reason is None:
                self.is_proven = True
                self._may_work.set()
            else:
                self._may_work.clear()
        if is_new:
            for tell in self.on_change:
                tell(reason)


def _is_marker(found: bytes) -> bool:
    try:
        uuid.UUID(found.decode("ascii"))
    except ValueError:
        return False
    return True
