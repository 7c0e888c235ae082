"""Sources of tasks that nobody has been told of: they lie with this process until their task has ended, on no disk.

A request that waits for its result was promised nothing before it is answered. Its task's row is kept without a wait
for the disk, and its source here. Where the wait is over before the task has ended, the answer is the task's id: then
the task is promised first, as any other is. If the process dies before, the row is removed and nothing was charged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.task import FencingToken
from leanpix.service.blob_keys import source_key
from leanpix.service.open_files import in_memory
from leanpix.service.ports import Blobs, Database
from leanpix.service.spool import MemoryRoom

# Of these each is an open file: what comes beyond so many is stored at once, as if nobody waited for it.
_MOST_FILES = 64


@dataclass(slots=True)
class HeldSources:
    """The sources by their tasks' ids. Thread-safe.

    owner: the name under which this process claims tasks. memory has the room for sources that are not quite small.
    """

    owner: str
    memory: MemoryRoom = field(default_factory=lambda: MemoryRoom(0))
    _sources: dict[str, bytes | BinaryIO] = field(default_factory=dict)
    _accepted: set[str] = field(default_factory=set)  # those whose tasks have their rows
    _in_store: set[str] = field(default_factory=set)  # held ones that are in the store as well, or about to be
    _lock: Lock = field(default_factory=Lock)
    _is_closed: bool = False

    def hold(self, task_id: str, content: bytes | Path) -> bool:
        """Hold a source; False where it cannot be. A file stays readable here, whatever happens to its path."""
        with self._lock:
            files = sum(not isinstance(source, bytes) for source in self._sources.values())
            if self._is_closed or (isinstance(content, Path) and files >= _MOST_FILES):
                return False
            if isinstance(content, bytes) and not self.memory.take(len(content)):
                return False
            try:
                self._sources[task_id] = content if isinstance(content, bytes) else content.open("rb", buffering=0)
            except OSError:
                return False
        return True

    def accepted(self, task_id: str) -> None:
        """The task has its row from now on: a row that is gone is one that has ended."""
        with self._lock:
            if task_id in self._sources:
                self._accepted.add(task_id)

    def open(self, task_id: str) -> BinaryIO | None:
        """The source as an open file of its own, to be closed by the caller; None where none is held."""
        with self._lock:
            source = self._sources.get(task_id)
            if source is None or isinstance(source, bytes):
                return None if source is None else in_memory(source)
            return _path_of(source).open("rb", buffering=0)

    def drop(self, task_id: str) -> bool:
        """Let go of a source; whether it lay here and in no store. None there is no error."""
        with self._lock:
            self._accepted.discard(task_id)
            source = self._sources.pop(task_id, None)
            is_stored = task_id in self._in_store
            self._in_store.discard(task_id)
        if isinstance(source, bytes):
            self.memory.give_back(len(source))
        elif source is not None:
            source.close()
        return source is not None and not is_stored

    def waiting(self) -> list[FencingToken]:
        """What shows that the tasks which wait for a slot of this process are not forgotten."""
        with self._lock:
            return [FencingToken(task_id, self.owner, 0) for task_id in self._accepted]

    def promise(self, database: Database, blobs: Blobs, task_id: str) -> None:
        """Make a task outlive this process, before its id is told; one whose source is not held is promised already.

        StoreUnavailableError where that cannot be: then nothing may be told.
        """
        if not self._is_stored(blobs, task_id):
            return
        with database.transaction() as change:
            is_promised = change.tasks.promise(task_id, self.owner)
        if not is_promised:
            with database.reading() as view:
                task = view.tasks.get(task_id)
            if task is None or task.state.is_final:
                blobs.delete(source_key(task_id))
            if task is None:  # another process took this one for dead
                raise StoreUnavailableError
        self.drop(task_id)

    def drop_ended(self, database: Database, task_id: str) -> None:
        """Let go of a source whose task has ended, or is gone, without having been worked on here."""
        with database.reading() as view:
            task = view.tasks.get(task_id)
        if task is None or task.state.is_final:
            self.drop(task_id)

    def _is_stored(self, blobs: Blobs, task_id: str) -> bool:
        """Store a source; False where none is held."""
        with self._lock:
            source = self._sources.get(task_id)
            if source is not None:
                self._in_store.add(task_id)
            if not (source is None or isinstance(source, bytes)):
                source = _path_of(source).open("rb", buffering=0)  # of its own: the other may be closed meanwhile
        if source is None:
            return False
        if isinstance(source, bytes):
            blobs.put(source_key(task_id), source)
            return True
        with source:
            blobs.put(source_key(task_id), _path_of(source))
        return True

    def close(self) -> Iterable[str]:
        """Take no more; the tasks whose sources are still held."""
        with self._lock:
            self._is_closed = True
            return list(self._sources)


def _path_of(file: BinaryIO) -> Path:
    return Path(f"/proc/self/fd/{file.fileno()}")
