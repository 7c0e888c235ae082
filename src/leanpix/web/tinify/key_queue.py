"""Waiting for a key's turn: these clients take a 429 for an empty account and give up, so rates are kept by waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from leanpix.domain.errors import RateLimitedError

T = TypeVar("T")


class KeyQueue:
    """Lines up the requests of each key in one process; only the first in line asks for the rate.

    A request waits for patience_s at most.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, key_id: str, ask: Callable[[], Awaitable[T]]) -> T:
        """What ask gives once it does not raise RateLimitedError any more; that error when the patience is over."""
        line = self._lines.setdefault(key_id, asyncio.Lock())
        refusal = RateLimitedError("HTTP 429: too many requests with this key are waiting already", self._patience_s)
        try:
            async with asyncio.timeout(self._patience_s), line:
                while True:
                    try:
                        return await ask()
                    except RateLimitedError as told:
                        refusal = told
                    await asyncio.sleep(refusal.retry_after_s)
        except TimeoutError:
            raise refusal from None
