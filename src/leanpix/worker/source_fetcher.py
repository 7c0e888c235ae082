"""Fetching the sources of waiting tasks, many at a time, apart from the slots in which pictures are worked on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from leanpix.domain.task import FencingToken, QueueEntry
from leanpix.service.fetch import Fetch
from leanpix.service.ports import Database
from leanpix.worker.heartbeats import Heartbeats

_POLL_S = 0.25  # how late an address may be noticed that another process has accepted


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """How many sources are fetched at once: in all, for one key, from one host."""

    overall: int
    per_key: int
    per_host: int


@dataclass(slots=True)
class SourceFetcher:
    """Takes the tasks whose source has to be fetched, in the order of their line, within the bounds.

    A key may have as many under way as would still be free then, and at most per_key: some are free for a key that has
    none, however many others send slow ones. wake is set when there may be something new. may_take says whether
    anything may be taken at all.
    """

    database: Database
    fetch: Fetch
    bounds: FetchBounds
    heartbeats: Heartbeats
    wake: Event
    on_error: Callable[[BaseException], None]
    may_take: Callable[[], bool] = lambda: True
    _in_hand: dict[str, QueueEntry] = field(default_factory=dict)
    _fences: dict[str, FencingToken] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _stopped: Event = field(default_factory=Event)

    def run(self) -> None:
        """Fetch until `stop`."""
        while not self._stopped.is_set():
            self.wake.wait(_POLL_S)
            self.wake.clear()
            try:
                for entry in self._taken():  # no pool: one would have the process wait for the slowest at its end
                    Thread(target=self._fetch, args=(entry,), name="fetch", daemon=True).start()
            except Exception as failure:  # noqa: BLE001 - a database that is briefly away must not end the thread
                self.on_error(failure)
                self._stopped.wait(_POLL_S)

    def stop(self) -> None:
        """Take nothing new."""
        self._stopped.set()
        self.wake.set()

    def hand_back(self) -> None:
        """Give up what is still under way: a source that is slow is another process's to wait for."""
        with self._lock:
            fences = list(self._fences.values())
        for fence in fences:
            try:
                with self.database.transaction() as change:
                    change.tasks.hand_back(fence)
            except Exception as failure:  # noqa: BLE001 - the reaper of another process hands it on
                self.on_error(failure)

    def _taken(self) -> list[QueueEntry]:
        """What may begin now."""
        if not self.may_take():
            return []
        with self.database.reading() as view, self._lock:
            free = self.bounds.overall - len(self._in_hand)
            line = view.tasks.to_fetch(self.bounds.per_host, len(self._in_hand) + self.bounds.overall) if free else []
            taken = []
            for entry in line:
                if entry.task_id not in self._in_hand and self._may_take(entry):
                    self._in_hand[entry.task_id] = entry
                    taken.append(entry)
        return taken

    def _may_take(self, entry: QueueEntry) -> bool:
        free = self.bounds.overall - len(self._in_hand)
        of_key = Counter(one.key_id for one in self._in_hand.values())[entry.key_id]
        of_host = Counter(one.host for one in self._in_hand.values())[entry.host]
        if free == 0 or of_host >= self.bounds.per_host:
            return False
        return of_key == 0 or of_key < min(self.bounds.per_key, free)

    def _fetch(self, entry: QueueEntry) -> None:
        try:
            with self.heartbeats.shown() as show:

                def on_claim(fence: FencingToken) -> None:
                    with self._lock:
                        self._fences[entry.task_id] = fence
                    show(fence)

                self.fetch(entry.task_id, on_claim)
        except Exception as failure:  # noqa: BLE001 - one task's defect must not stop the others
            self.on_error(failure)
            self._stopped.wait(1.0)  # a store that is away would fail the same task again at once
        finally:
            with self._lock:
                del self._in_hand[entry.task_id]
                self._fences.pop(entry.task_id, None)
            self.wake.set()
