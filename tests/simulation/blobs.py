"""Files in memory: the port `Blobs` as a folder or an object store keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from leanpix.domain.room import Room
from leanpix.service.open_files import in_memory
from leanpix.service.ports import Clock

_CHUNK_BYTES = 256 * 1024


def _nothing(_what: str, _key: str) -> None:
    """Nobody looks, and nothing goes wrong."""


def _at_once(remove: Callable[[], None]) -> None:
    remove()


class ModelStream:
    """A blob's content as it is read."""

    def __init__(self, content: bytes) -> None:
        self._rest, self.size_bytes = (
            [content[at : at + _CHUNK_BYTES] for at in range(0, len(content), _CHUNK_BYTES)],
            len(content),
        )

    def __iter__(self) -> Iterator[bytes]:
        while self._rest:
            yield self._rest.pop(0)

    def close(self) -> None:
        self._rest.clear()


class ModelBlobs:
    """Blobs in a dictionary.

    before and after are told of each call and may raise StoreUnavailableError: nothing, or all of it, has happened.
    later runs what `discard` leaves for later. stored and removed are told of each blob. Deleted files may come back
    with a power cut.
    """

    presigns = False

    def __init__(
        self,
        now: Clock,
        *,
        before: Callable[[str, str], None] = _nothing,
        after: Callable[[str, str], None] = _nothing,
        later: Callable[[Callable[[], None]], None] = _at_once,
        stored: Callable[[str, bytes], None] = lambda _key, _content: None,
        removed: Callable[[str], None] = lambda _key: None,
    ) -> None:
        self.content: dict[str, bytes] = {}
        self.unflushed: list[str] = []
        self.deleted: dict[str, tuple[bytes, float]] = {}
        self._written_at: dict[str, float] = {}
        self._now, self._before, self._after, self._later = now, before, after, later
        self._stored, self._removed = stored, removed
        self._lock = Lock()

    def put(self, key: str, content: bytes | memoryview | Path, *, waits: bool = True) -> None:
        whole = content.read_bytes() if isinstance(content, Path) else bytes(content)
        self._before("put", key)
        self.content[key], self._written_at[key] = whole, self._now()
        if not waits:
            self.unflushed.append(key)
        self._stored(key, whole)
        self._after("put", key)

    def flush(self) -> None:
        self._before("flush", "")
        self.unflushed.clear()
        self._after("flush", "")

    def get(self, key: str) -> bytes | None:
        self._before("get", key)
        return self.content.get(key)

    def open(self, key: str) -> BinaryIO | None:
        self._before("open", key)
        found = self.content.get(key)
        return None if found is None else in_memory(found)

    def stream(self, key: str) -> ModelStream | None:
        self._before("stream", key)
        found = self.content.get(key)
        return None if found is None else ModelStream(found)

    def delete(self, key: str) -> None:
        self.delete_under(key)

    def discard(self, key: str) -> None:
        self._later(lambda: self.delete_under(key))

    def delete_under(self, prefix: str) -> None:
        self._before("delete", prefix)
        with self._lock:
            for key in [key for key in self.content if key == prefix or key.startswith(f"{prefix}/")]:
                self.deleted[key] = (self.content.pop(key), self._written_at.pop(key))
                self._removed(key)
        self._after("delete", prefix)

    def older_than(self, age_s: float) -> Iterator[str]:
        self._before("list", "")
        oldest = self._now() - age_s
        yield from [key for key, moment in list(self._written_at.items()) if moment < oldest]

    def delete_all(self, prefixes: Sequence[str]) -> None:
        for prefix in prefixes:
            self.delete_under(prefix)

    def has_room(self, more_bytes: int = 0) -> bool:
        del more_bytes
        return True

    def room(self) -> Room | None:
        return None

    def glance(self, key: str) -> bytes | None:
        return self.content.get(key)

    def close(self) -> None:
        """Nothing is left open."""

    def presign(self, key: str, expires_s: float) -> str | None:
        del key, expires_s
        return None

    def lose(self, key: str) -> None:
        """A file that was not on the disk yet is gone."""
        self.content.pop(key, None)
        self._written_at.pop(key, None)

    def come_back(self, key: str) -> None:
        """A deletion that was not on the disk yet is undone."""
        content, moment = self.deleted.pop(key)
        if key not in self.content:
            self.content[key], self._written_at[key] = content, moment
