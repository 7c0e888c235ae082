"""Threads of their own for unpacking archives, and turns for them: one archive of a key at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

_THREADS = 2

P = ParamSpec("P")
T = TypeVar("T")


class Unpacking:
    """The threads, for one event loop."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(_THREADS)
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}  # by key, with how many wait or have it

    @asynccontextmanager
    async def turn(self, key_id: str) -> AsyncIterator[None]:
        """Wait until no other archive of the key is being unpacked, and keep others of it waiting."""
        lock, waiting = self._turns.get(key_id, (asyncio.Lock(), 0))
        self._turns[key_id] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._turns.pop(key_id)
            if waiting > 1:
                self._turns[key_id] = lock, waiting - 1

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it in one of the threads."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._threads)
