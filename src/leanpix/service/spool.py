"""Bytes in flight: what is held for somebody whose request is not accepted yet, counted and bounded.

One budget for all of it, per key and overall, whether it lies in memory or in the spool. The spool lies in the data
folder, where the disk's room is watched, and its files have no names: none outlives its process.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from leanpix.domain.errors import InFlightError, StorageFullError

_RETRY_S = 2.0
_DISK_RETRY_S = 30.0
# Up to here a picture stays in memory: a file costs more than all else that is done with a small one.
IN_MEMORY_BYTES = 64 * 1024
# And up to here while there is room for it: a thousand connections may send at once.
MOST_IN_MEMORY_BYTES = 256 * 1024


class MemoryRoom:
    """How many bytes of sources above IN_MEMORY_BYTES may lie in memory at once. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._used = most_bytes, 0
        self._lock = Lock()

    def take(self, size_bytes: int) -> bool:
        """Keep room for a source; False where it has to be a file. A small one needs none."""
        if size_bytes <= IN_MEMORY_BYTES:
            return True
        with self._lock:
            if size_bytes > MOST_IN_MEMORY_BYTES or self._used + size_bytes > self._most_bytes:
                return False
            self._used += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """The source, of the size that it was taken for, is dropped."""
        if size_bytes > IN_MEMORY_BYTES:
            with self._lock:
                self._used -= size_bytes

    @property
    def used(self) -> int:
        """How many bytes are taken."""
        return self._used


class BytesInFlight:
    """A number of bytes that are taken and given back. Thread-safe."""

    def __init__(self, overall: int, per_key: int) -> None:
        self._overall, self._per_key = overall, per_key
        self._used = 0
        self._of_key: Counter[str] = Counter()
        self._lock = Lock()

    def take(self, key_id: str, count: int, *, is_bounded: bool = True) -> None:
        """Count so many more; InFlightError where they are too many. is_bounded: not, where others' bounds hold."""
        with self._lock:
            if is_bounded and self._of_key[key_id] + count > self._per_key:
                raise InFlightError(
                    f"HTTP 429: this key has more than {self._per_key} bytes of requests under way; "
                    "send fewer at the same time",
                    _RETRY_S,
                )
            if is_bounded and self._used + count > self._overall:
                raise InFlightError("HTTP 429: too many requests are being sent at the moment; try again", _RETRY_S)
            self._used += count
            self._of_key[key_id] += count

    def give_back(self, key_id: str, count: int) -> None:
        """Count so many less."""
        with self._lock:
            self._used -= count
            self._of_key[key_id] -= count
            if self._of_key[key_id] <= 0:
                del self._of_key[key_id]

    @property
    def used(self) -> int:
        """How many are taken."""
        return self._used

    @property
    def is_used_up(self) -> bool:
        """Whether none are left."""
        return self._used >= self._overall


@dataclass(slots=True)
class Share:
    """One request's share of the bytes in flight: what it said it would send, and more as it sends more."""

    budget: BytesInFlight
    key_id: str
    taken: int = 0
    used: int = 0

    def reserve(self, count: int) -> None:
        """Take so many beforehand; InFlightError."""
        self.budget.take(self.key_id, count)
        self.taken += count

    def use(self, count: int) -> None:
        """Hold so many more; InFlightError where they were not reserved and are too many."""
        beyond = self.used + count - self.taken
        if beyond > 0:
            self.budget.take(self.key_id, beyond)
            self.taken += beyond
        self.used += count

    def close(self) -> None:
        """Give all of it back; may be called again."""
        self.budget.give_back(self.key_id, self.taken)
        self.taken = self.used = 0


class SpoolFile:
    """A file that stays in memory while it is small, and has no name. Not thread-safe; close it.

    count is told how many bytes are about to be written, and may refuse them. memory has the room for one that is not
    quite small.
    """

    def __init__(self, folder: Path, count: Callable[[int], None], memory: MemoryRoom) -> None:
        self._folder, self._count, self._room = folder, count, memory
        self._memory: bytes | bytearray | None = b""
        self._file: BinaryIO | None = None
        self.size_bytes = self._room_bytes = 0

    def write(self, piece: bytes | bytearray | memoryview, /) -> int:
        """Write at the end; what count raises, or OSError."""
        self._count(len(piece))
        self.size_bytes += len(piece)
        if self._memory is not None:
            if self._may_stay():
                self._add(piece)
                return len(piece)
            self._file = self._written(self._memory)
            self._memory = None
        if self._file is None:
            raise ValueError("the file is closed")
        return self._file.write(piece)

    def content(self) -> bytes | Path:
        """What was written: the bytes, or a path that leads to them until the file is closed."""
        if self._memory is not None:
            return bytes(self._memory)
        return self.path()

    def path(self) -> Path:
        """A path that leads to the file until it is closed, whatever its size."""
        if self._file is None:
            self._file = self._written(self._memory or b"")
            self._drop_memory()
        self._file.flush()
        return Path(f"/proc/self/fd/{self._file.fileno()}")

    def reader(self) -> BinaryIO:
        """A file of its own to read it by, to be closed by the caller."""
        return self.path().open("rb")

    def close(self) -> None:
        """Drop it; may be called again."""
        self._drop_memory()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _may_stay(self) -> bool:
        self._room.give_back(self._room_bytes)
        self._room_bytes = self.size_bytes if self._room.take(self.size_bytes) else 0
        return self._room_bytes == self.size_bytes

    def _add(self, piece: bytes | bytearray | memoryview) -> None:
        if not self._memory and isinstance(piece, bytes):
            self._memory = piece  # mostly all of it
            return
        if not isinstance(self._memory, bytearray):
            self._memory = bytearray(self._memory or b"")
        self._memory += piece

    def _drop_memory(self) -> None:
        self._room.give_back(self._room_bytes)
        self._memory, self._room_bytes = None, 0

    def _written(self, content: bytes | bytearray) -> BinaryIO:
        file = _nameless(self._folder)
        file.write(content)
        return file


@dataclass(frozen=True, slots=True)
class Spool:
    """Makes spool files. has_room: whether the disk would still have enough with so many bytes more on it.

    memory: the room for those that are not quite small.
    """

    folder: Path
    budget: BytesInFlight
    has_room: Callable[[int], bool] = field(default=lambda _bytes: True)
    memory: MemoryRoom = field(default_factory=lambda: MemoryRoom(0))

    @property
    def is_full(self) -> bool:
        """Whether it would take nothing of anybody now: too many bytes are under way, or the disk has no room."""
        return self.budget.is_used_up or not self.has_room(self.budget.used)

    def share(self, key_id: str, announced: int) -> Share:
        """A request's share, once it may be read: InFlightError, StorageFullError. announced: bytes it says it has."""
        if not self.has_room(self.budget.used + announced):
            raise StorageFullError("HTTP 429: the server is short of disk space; try again later", _DISK_RETRY_S)
        share = Share(self.budget, key_id)
        share.reserve(announced)
        return share

    def file(self, share: Share) -> SpoolFile:
        """A file whose bytes are counted in this share."""
        return SpoolFile(self.folder, share.use, self.memory)

    @contextmanager
    def unpacking(self, key_id: str) -> Iterator[Callable[[], SpoolFile]]:
        """Makes files, one at a time, for what is unpacked of an archive: so many are unpacked at a time."""
        with ExitStack() as last:

            def file() -> SpoolFile:
                last.close()
                return last.enter_context(self.fetched(key_id))

            yield file

    @contextmanager
    def fetched(self, key_id: str) -> Iterator[SpoolFile]:
        """A file for a source that is fetched: counted, but not refused.

        So many are fetched at a time, of a bounded size each, and a task that was accepted does not fail because others
        send much.
        """
        count = 0

        def use(more: int) -> None:
            nonlocal count
            self.budget.take(key_id, more, is_bounded=False)
            count += more

        file = SpoolFile(self.folder, use, self.memory)
        try:
            yield file
        finally:
            file.close()
            self.budget.give_back(key_id, count)


def _nameless(folder: Path) -> BinaryIO:
    """A file in the folder that has no name, and can be given one where the file system has such files."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), "w+b", buffering=0)
    except OSError:
        return tempfile.TemporaryFile(dir=folder, buffering=0)
