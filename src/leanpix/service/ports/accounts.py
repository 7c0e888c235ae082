"""Keys: their credits, and the rates and budgets that they are held to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from leanpix.domain.account import Account, DayUsage, RateBucket


class Answer(Protocol):
    """Yes or no, by a statement of a transaction: a shared database is waited for when it is looked at."""

    def __bool__(self) -> bool:
        """Yes."""


class Accounts(Protocol):
    """Keys and their credits, inside one transaction."""

    def add(self, account: Account, secret_hash: bytes) -> None:
        """Insert a key; only the hash of its secret is kept."""

    def get(self, key_id: str) -> Account | None:
        """The account, or None."""

    def credentials(self, key_id: str) -> tuple[Account, bytes] | None:
        """The account and the stored hash of the key's secret, or None."""

    def list(self, offset: int = 0, limit: int | None = None) -> list[Account]:
        """Accounts, oldest first: all of them, or a page."""

    def rehash(self, key_id: str, secret_hash: bytes) -> None:
        """Let another secret open the account."""

    def any(self) -> bool:
        """Whether there is any account at all."""

    def revoke(self, key_id: str, now: float) -> bool:
        """Refuse the key from now on; False where there is no such key."""

    def topup(self, key_id: str, credit: int, now: float) -> bool:
        """Add credits to a limited key; False where there is no such limited key."""

    def hold(self, key_id: str, task_id: str, credit: int, now: float) -> bool:
        """Set credits aside for a task; False where there are too few, or the key has been revoked."""

    def hold_or_undo(self, key_id: str, task_id: str, credit: int, now: float) -> Answer:
        """The same without a wait; where the answer is no the transaction has to be undone."""

    def raise_hold(self, key_id: str, task_id: str, credit: int) -> bool:
        """Have so many credits set aside for a task in place of fewer; False where there are too few."""

    def is_revoked(self, key_id: str) -> bool:
        """Whether the key has been revoked."""

    def covers(self, key_id: str, credit: int) -> bool:
        """Whether so much can be taken; the balance stays as it is until the transaction ends."""

    def settle(self, key_id: str, task_id: str, cost: int, now: float) -> None:
        """Turn a task's hold into a charge of `cost`, which the hold and the balance cover.

        Anything else, and settling or releasing a task twice, is an error of ours and violates a constraint of the
        store, at the latest as the transaction ends.
        """

    def release(self, key_id: str, task_id: str, now: float) -> None:
        """Give a task's hold back."""

    def usage(self, key_id: str, first_day: int) -> Sequence[DayUsage]:
        """What was charged on each day from that one on, oldest first; days without a charge are left out.

        Days count from the Unix epoch, in UTC. They are summed up as tasks are settled, and outlive the ledger's rows.
        """

    def forget_closed(self, closed_before: float, limit: int) -> int:
        """Remove the ledger's rows of tasks that were settled or released before then; returns how many tasks."""


class RateLimits(Protocol):
    """Exact rates and budgets per key, over every process."""

    @property
    def waits(self) -> bool:
        """Whether an answer takes a wait for a database."""

    def take(self, key_id: str, bucket: RateBucket, per_s: float) -> float:
        """Use one request of the key's rate: 0.0 when allowed, else the seconds until it would be."""

    def take_and_owed(self, key_id: str, bucket: RateBucket, per_s: float, budget: RateBucket) -> tuple[float, float]:
        """The same, and what is owed of a budget, as below, by one look; nothing of it for a refused request."""

    def spend(self, key_id: str, bucket: RateBucket, amount: float, per_s: float) -> None:
        """Count what was used of a budget that grows by per_s a second, whether or not there was so much."""

    def owed_s(self, key_id: str, bucket: RateBucket) -> float:
        """How long the budget has to grow until what was spent of it is made up for; 0.0 where nothing is owed."""
