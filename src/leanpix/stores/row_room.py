"""How much of the disk the rows of one machine may take for results: SQLite keeps what its file has once taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.room import Room
from leanpix.service.ports import Clock
from leanpix.stores.sql.database import SqlDatabase

_USED_BYTES = text(
    "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)
_LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class RowRoom:
    """Up to how many bytes a result may lie in its row: row_bytes while the rows take less than a share of the disk.

    disk gives the room where the database lies. What was freed in the file counts as free: results take its place.
    """

    database: SqlDatabase
    disk: Callable[[], Room]
    share: float
    row_bytes: int
    monotonic: Clock
    _now_bytes: int = 0
    _next_look_s: float = float("-inf")

    def __call__(self) -> int:
        """As it was at most a second ago."""
        if self.row_bytes and self.monotonic() >= self._next_look_s:
            self._next_look_s = self.monotonic() + _LOOK_EVERY_S
            self._now_bytes = self.row_bytes if self._has_room() else 0
        return self._now_bytes

    def _has_room(self) -> bool:
        try:
            with self.database.glancing() as view:
                used_bytes = int(view.connection.scalar(_USED_BYTES))
        except StoreUnavailableError:
            return False
        return used_bytes < self.share * self.disk().total_bytes
