"""Waiting for a key's turn: rates are kept by a short wait. Clients send in bursts, and some give up at a 429."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from leanpix.domain.errors import RateLimitedError

T = TypeVar("T")

# The rate counts from when a request was let through, patience from when one came. Of requests that come together the
# first is let through a little later than the others came: without this, two a second and half a second's patience,
# the defaults, would refuse the third of them by that little.
_TOGETHER_S = 0.1


class KeyQueue:
    """Lines up the requests of each key in one process; only the first in line asks for the rate.

    A request waits for patience_s at most (and the moment by which requests are apart that come together), and not at
    all for what would take longer.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, key_id: str, ask: Callable[[], Awaitable[T]]) -> T:
        """What ask gives once it does not raise RateLimitedError any more; that error when the patience is over."""
        if self._patience_s == 0:
            return await ask()
        patience_s = self._patience_s + _TOGETHER_S
        deadline = asyncio.get_running_loop().time() + patience_s
        line = self._lines.setdefault(key_id, asyncio.Lock())
        refusal = RateLimitedError("HTTP 429: too many requests with this key are waiting already", self._patience_s)
        try:
            async with asyncio.timeout(patience_s), line:
                while True:
                    try:
                        return await ask()
                    except RateLimitedError as told:
                        if told.retry_after_s > deadline - asyncio.get_running_loop().time():
                            raise
                        refusal = told
                    await asyncio.sleep(refusal.retry_after_s)
        except TimeoutError:
            raise refusal from None
