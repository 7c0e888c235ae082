"""Small results of tasks that ended here a moment ago: whoever waited for one mostly reads it next."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock


class RecentResults:
    """Results by their keys, up to most_bytes of them together, each until it is read once. Thread-safe.

    All of them are kept in the database as well: one that is gone from here is read there.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def add(self, key: str, content: bytes) -> None:
        """Keep one; the oldest make room for it."""
        if len(content) > self._most_bytes:
            return
        with self._lock:
            self._bytes += len(content) - len(self._contents.pop(key, b""))
            self._contents[key] = content
            while self._bytes > self._most_bytes:
                _, oldest = self._contents.popitem(last=False)
                self._bytes -= len(oldest)

    def take(self, key: str) -> bytes | None:
        """The result, which is not kept any longer; None where it is not here."""
        with self._lock:
            content = self._contents.pop(key, None)
            self._bytes -= len(content or b"")
        return content
