"""How far running attempts have come, written beside them: for the eyes of whoever polls, and nobody's wait."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Lock

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.states import TaskState
from leanpix.domain.task import FencingToken
from leanpix.service.ports import Database

# A state is written when it is one to two pauses old: sooner than anybody polls, later than a small picture is done.
_PAUSE_S = 0.1


@dataclass(slots=True)
class Progress:
    """Writes each attempt's newest state a moment after it was reached, unless another has replaced it by then.

    The fence keeps a late one from an attempt that has ended; where the database does not take one, the next will do.
    """

    database: Database
    _newest: dict[FencingToken, TaskState] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _reached: Event = field(default_factory=Event)
    _stopped: Event = field(default_factory=Event)

    def show(self, fence: FencingToken, state: TaskState) -> None:
        """Have the state written soon."""
        with self._lock:
            self._newest[fence] = state
        if not self._reached.is_set():  # it is cleared under the lock, and only where nothing is left
            self._reached.set()

    def forget(self, fence: FencingToken) -> None:
        """The attempt is over: nothing of it is written from now on."""
        with self._lock:
            self._newest.pop(fence, None)

    def run(self) -> None:
        """Write until `stop`."""
        known: list[FencingToken] = []
        while not self._stopped.is_set():
            self._reached.wait()
            self._stopped.wait(_PAUSE_S)
            with self._lock:
                due = {fence: self._newest.pop(fence) for fence in known if fence in self._newest}
                known = list(self._newest)
                if not known:
                    self._reached.clear()
            for fence, state in due.items():
                self._write(fence, state)

    def stop(self) -> None:
        """Write nothing more."""
        self._stopped.set()
        self._reached.set()

    def _write(self, fence: FencingToken, state: TaskState) -> None:
        with suppress(StoreUnavailableError), self.database.autocommit() as change:
            change.tasks.advance(fence, state)
