"""What a node can do right now, by function: create, query, and results, each for a balancer of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from leanpix.bootstrap.stores import Stores
from leanpix.domain.errors import StoreRefusedError, StoreUnavailableError
from leanpix.service.pairing import MARKER_KEY, Pairing
from leanpix.stores.sql.figures import live_workers
from leanpix.web.context import Readiness
from leanpix.worker.children.pool import CompressorPool

_OK = "ok"
_DRAINING = "off: the node is about to end"
_SECRET = "off: the secret is not the one that the database knows"  # noqa: S105 - words
_NOT_OURS = "off: the file store is not this database's"
_FILES_AWAY = "off: the file store does not answer"


@dataclass(frozen=True, slots=True)
class NodeReadiness:
    """Looks at each part once, without patience.

    A node is ready while nothing is wrong with the node itself and it can answer queries. A shared store that is away
    is away for every node: one that is not asked any more for that would answer no query either.
    """

    stores: Stores
    pool: CompressorPool | None
    is_draining: Callable[[], bool]

    def __call__(self) -> Readiness:
        """What works and what does not."""
        database, files = self._database(), self._files()
        room, spool, secret = self._room(), self._spool(), self._secret()
        worst = _DRAINING if self.is_draining() else _OK
        functions = {
            "create": _first_off(worst, database, secret, files, room, spool),
            "query": _first_off(worst, database, secret),
            "results": _first_off(worst, secret, files),
        }
        is_outage = files == _FILES_AWAY and self._was_proven()
        own = (worst, database, secret, room, spool, _OK if is_outage else files)
        checks = {"database": database, "secret": secret, "files": _first_off(files, room), "spool": spool}
        return Readiness(_first_off(*own) == _OK, functions, checks | self._workers() | self._protection())

    def _database(self) -> str:
        try:
            with self.stores.database.glancing() as view:
                view.accounts.any()
        except StoreUnavailableError:
            return "off: the database does not answer"
        return _OK

    def _secret(self) -> str:
        pairing = self.stores.pairing
        return _SECRET if pairing is not None and pairing.has_other_secret else _OK

    def _files(self) -> str:
        pairing = self.stores.pairing
        try:
            if pairing is None:
                self.stores.blobs.glance(MARKER_KEY)
                return _OK
            return self._paired(pairing)
        except StoreRefusedError:
            return _NOT_OURS
        except StoreUnavailableError:
            return _FILES_AWAY

    def _paired(self, pairing: Pairing) -> str:
        """The pair as it is now; as it was last seen where the database is away, but the store has to answer."""
        try:
            pairing.look()
        except StoreUnavailableError:
            self.stores.blobs.glance(MARKER_KEY)
        if pairing.refused_for is not None and not pairing.has_other_secret:
            return _NOT_OURS
        return _OK if pairing.is_proven else _FILES_AWAY

    def _was_proven(self) -> bool:
        return self.stores.pairing is not None and self.stores.pairing.is_proven

    def _room(self) -> str:
        return _OK if self.stores.blobs.has_room() else "off: less free space than LEANPIX_MIN_FREE_SHARE asks for"

    def _spool(self) -> str:
        return "off: the spool of what is being sent is full" if self.stores.spool.is_full else _OK

    def _workers(self) -> dict[str, str]:
        """Workers that give signs of life; nothing where this process has the only ones, or the database is away."""
        if not self.stores.is_shared:
            return {}
        try:
            alive = live_workers(self.stores.database, self.stores.settings.stale_s)
        except StoreUnavailableError:
            return {}
        return {"workers": f"{_OK}, {alive} alive" if alive else "off: no worker is alive, and what is accepted waits"}

    def _protection(self) -> dict[str, str]:
        if self.pool is None:
            return {}
        layers = {f"sandbox.{layer}": state for layer, state in self.pool.status().items()}
        return {"memory": self.pool.memory} | layers


def _first_off(*states: str) -> str:
    return next((state for state in states if state != _OK), _OK)
