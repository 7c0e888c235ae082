"""Requests under way by key: one key's leave connections to all others."""

from __future__ import annotations

from collections import Counter

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from leanpix.domain.errors import RequestsError

_KEYS = "leanpix.keys_under_way"
_RETRY_S = 2.0


class RequestShares:
    """How many requests each key has under way. Used by one event loop.

    A key may have as many as connections would stay free then: one that is alone half of them, two a third each. So
    there are some for a key that has none, and nobody has to be cut off for it.
    """

    def __init__(self, connections: int) -> None:
        self._connections, self._under_way = connections, 0
        self._of_key: Counter[str] = Counter()

    def enter(self, request: Request, key_id: str) -> None:
        """Count a request as the key's until it is answered; RequestsError."""
        mine = self._of_key[key_id] + 1
        if mine > 1 and mine > self._connections - self._under_way - 1:
            raise RequestsError(
                f"HTTP 429: this key has {mine - 1} requests under way, which is its share of the connections; "
                "send fewer at the same time",
                _RETRY_S,
            )
        self._of_key[key_id] = mine
        self._under_way += 1
        request.scope[_KEYS].append(key_id)

    def leave(self, key_id: str) -> None:
        """Count one less."""
        self._under_way -= 1
        self._of_key[key_id] -= 1
        if not self._of_key[key_id]:
            del self._of_key[key_id]


class Shared:
    """ASGI middleware: a request that is answered is under way no more."""

    def __init__(self, app: ASGIApp, shares: RequestShares) -> None:
        self._app, self._shares = app, shares

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then count it out."""
        scope[_KEYS] = entered = list[str]()
        try:
            await self._app(scope, receive, send)
        finally:
            for key_id in entered:
                self._shares.leave(key_id)
