"""The loop that makes tasks of batches' items, as there is room for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread

from leanpix.service.promote_batch_items import PromoteBatchItems

_EVERY_S = 0.5


@dataclass(slots=True)
class BatchScheduler:
    """One thread; every process may run one, they do not get in each other's way."""

    promote: PromoteBatchItems
    on_error: Callable[[BaseException], None]
    _stopped: Event = field(default_factory=Event)

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._run, name="batch-scheduler", daemon=True).start()

    def stop(self) -> None:
        """End the thread at its next turn."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            try:
                self.promote()
            except Exception as failure:  # noqa: BLE001 - a database that is briefly away must not end the thread
                self.on_error(failure)
