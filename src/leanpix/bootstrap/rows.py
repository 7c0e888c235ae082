"""The database's side of an installation, whichever database it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from leanpix.queues.signals import LocalSignals
from leanpix.service.observing import ConnectionFigures
from leanpix.service.ports import RateLimits, Signals, TaskQueue
from leanpix.stores.sql.database import SqlDatabase


class Listener(Protocol):
    """Hears what other processes signal."""

    def start(self) -> None:
        """Begin to listen."""

    def stop(self) -> None:
        """Listen no more."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The database's side: rows, rates, delivery to the owner of a name, and wake-ups.

    local wakes this process's own waiters. connections: how many are in use, where there are pools of them.
    """

    database: SqlDatabase
    rates: RateLimits
    signals: Signals
    local: LocalSignals
    make_deliveries: Callable[[str], TaskQueue]
    mend_queue: Callable[[], object]
    listener: Listener | None = None
    connections: Callable[[], ConnectionFigures] | None = None

    def close(self) -> None:
        """Close what is open."""
        self.database.close()
