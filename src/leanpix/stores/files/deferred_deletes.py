"""Removing blobs that nobody needs any more, many at a time, in nobody's way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread

# Long enough for the answer that follows a task's end to be on its way, and for others to end meanwhile.
_PAUSE_S = 0.5
_JOIN_S = 5.0


class DeferredDeletes:
    """Keys to be removed within a second; a thread of their own, started with the first, hands them to `remove`.

    What cannot be removed is told to on_error and left to whoever sweeps.
    """

    def __init__(self, remove: Callable[[Sequence[str]], object], on_error: Callable[[BaseException], None]) -> None:
        self._remove, self._on_error = remove, on_error
        self._keys: list[str] = []
        self._lock, self._added, self._closed = Lock(), Event(), Event()
        self._thread: Thread | None = None

    def add(self, key: str) -> None:
        """Have the key removed."""
        with self._lock:
            self._keys.append(key)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="discards", daemon=True)
                self._thread.start()
        self._added.set()

    def close(self) -> None:
        """Remove what is left, and end the thread."""
        self._closed.set()
        self._added.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not (self._closed.is_set() and not self._keys):
            self._added.wait()
            self._closed.wait(_PAUSE_S)
            with self._lock:
                keys, self._keys = self._keys, []
                if not self._closed.is_set():
                    self._added.clear()
            if keys:
                self._removed(keys)

    def _removed(self, keys: Sequence[str]) -> None:
        try:
            self._remove(keys)
        except Exception as failure:  # noqa: BLE001 - a store that is briefly away must not end the thread
            self._on_error(failure)
