"""Accounts: who may ask, how often, and how many credits they have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LARGE_SIDE_PX = 4096
SMALL_COST = 1
LARGE_COST = 2
MIN_QPS, MAX_QPS = 0.001, 1e6
MAX_NAME = 200
MOST_CREDITS = 10**12
"""Of a new key, and added at once: a database's numbers end at 9 million times as many."""


@dataclass(frozen=True, slots=True)
class Account:
    """An API key and what it may do. credits None means unlimited; qps is creates per second."""

    id: str
    name: str
    qps: float
    credits: int | None
    is_admin: bool
    created_at: float
    revoked_at: float | None = None


class LedgerKind(StrEnum):
    """What a ledger entry records; a task has at most one of each."""

    HOLD = "hold"
    SETTLE = "settle"
    RELEASE = "release"
    TOPUP = "topup"


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What a key's finished tasks cost on one day; day counts from the Unix epoch, in UTC."""

    day: int
    tasks: int
    credits: int


class RateBucket(StrEnum):
    """What a rate counts: creates; queries, which have ten times the creates' rate; processor seconds of pictures."""

    CREATE = "create"
    QUERY = "query"
    CPU = "cpu"


QUERY_RATE_FACTOR = 10


def cost(longest_side_px: int) -> int:
    """Credits for a task by the longest side of its source or its result, whichever is larger."""
    return SMALL_COST if longest_side_px <= LARGE_SIDE_PX else LARGE_COST


def price(longest_side_px: int, results: int) -> int:
    """Credits for a task of so many results: each costs as one by itself."""
    return results * cost(longest_side_px)
