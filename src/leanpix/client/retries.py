"""When a request is sent again, and after how long."""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_MOST_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient a client is.

    attempts: how often a request that met a lost connection or a 5xx is sent in all. patience_s: how long a request
    may wait in all for a server that answers 429. Waits double from first_s to most_s, each shortened by up to half
    at random, and are never shorter than the server's Retry-After.
    """

    attempts: int = 5
    patience_s: float = 120.0
    first_s: float = 0.5
    most_s: float = 20.0

    def wait_s(self, attempt: int, asked_s: float, random: Callable[[], float]) -> float:
        """The wait after the attempt with this number, from 0; asked_s is what the server asked for."""
        backoff_s = min(self.most_s, self.first_s * 2.0 ** min(attempt, _MOST_DOUBLINGS)) * (1 - random() / 2)
        return max(backoff_s, asked_s * (1 + random() / 10))


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float:
    """The seconds that a Retry-After header asks for, in either of its forms; 0 without one that can be read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s)
    except ValueError:
        return 0.0
