"""The repository of accounts over model rows. What is one statement in SQL is a private method: a step of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import NoResultFound
from tests.simulation.rows import Work
from tests.simulation.statements import ConstraintError, Repository, statement

from leanpix.domain.account import Account, DayUsage, LedgerKind

_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger."""

    key_id: str
    credits: int
    created_at: float


def revoked_keys(work: Work) -> set[str]:
    """Ids of keys that have been revoked."""
    return {account.id for _, (account, _) in work.every("accounts") if account.revoked_at is not None}


class ModelAccounts(Repository):
    """The accounts. A statement of the SQL store is a private method here: each is a step of its own."""

    __slots__ = ()

    @statement
    def add(self, account: Account, secret_hash: bytes) -> None:
        if self.work.lock_place("accounts", account.id) is not None:
            raise ConstraintError("accounts.id")
        self.work.write("accounts", account.id, (account, secret_hash))

    @statement
    def get(self, key_id: str) -> Account | None:
        found = self.work.get("accounts", key_id)
        return None if found is None else found[0]

    @statement
    def credentials(self, key_id: str) -> tuple[Account, bytes] | None:
        found: tuple[Account, bytes] | None = self.work.get("accounts", key_id)
        return found

    @statement
    def list(self, offset: int = 0, limit: int | None = None) -> list[Account]:
        found = [account for _, (account, _) in self.work.every("accounts")]
        found.sort(key=lambda account: (account.created_at, account.id))
        return found[offset:] if limit is None else found[offset : offset + limit]

    @statement
    def rehash(self, key_id: str, secret_hash: bytes) -> None:
        found = self.work.lock("accounts", key_id)
        if found is not None:
            self.work.write("accounts", key_id, (found[0], secret_hash))

    @statement
    def any(self) -> bool:
        return any(True for _ in self.work.every("accounts"))

    @statement
    def revoke(self, key_id: str, now: float) -> bool:
        found = self.work.lock("accounts", key_id)
        if found is None:
            return False
        self.work.write("accounts", key_id, (replace(found[0], revoked_at=now), found[1]))
        return True

    def topup(self, key_id: str, credit: int, now: float) -> bool:
        done = self._add_credit(key_id, credit)
        if done:
            self._enter_topup(key_id, credit, now)
        return done

    def hold(self, key_id: str, task_id: str, credit: int, now: float) -> bool:
        if not self._take(key_id, credit, to_hold=True):
            return False
        self._enter(key_id, task_id, LedgerKind.HOLD, -credit, now)
        return True

    def hold_or_undo(self, key_id: str, task_id: str, credit: int, now: float) -> bool:
        return self.hold(key_id, task_id, credit, now)

    def raise_hold(self, key_id: str, task_id: str, credit: int) -> bool:
        if not self._take(key_id, credit - self._held(task_id)):
            return False
        self._raise(task_id, credit)
        return True

    @statement
    def is_revoked(self, key_id: str) -> bool:
        found = self.work.get("accounts", key_id)
        return found is not None and found[0].revoked_at is not None

    @statement
    def covers(self, key_id: str, credit: int) -> bool:
        found = self.work.lock("accounts", key_id)
        return found is None or found[0].credits is None or found[0].credits >= credit

    def settle(self, key_id: str, task_id: str, cost: int, now: float) -> None:
        self._close(key_id, task_id, cost)
        self._enter(key_id, task_id, LedgerKind.SETTLE, -cost, now)
        self._count_in(key_id, int(now // _DAY_S), cost)

    def release(self, key_id: str, task_id: str, now: float) -> None:
        held = self._held(task_id)
        self._take(key_id, -held)
        self._enter(key_id, task_id, LedgerKind.RELEASE, held, now)

    @statement
    def usage(self, key_id: str, first_day: int) -> Sequence[DayUsage]:
        days = [
            usage for (of_key, day), usage in self.work.every("usage_days") if of_key == key_id and day >= first_day
        ]
        return sorted(days, key=lambda usage: usage.day)

    @statement
    def forget_closed(self, closed_before: float, limit: int) -> int:
        closed = [
            task_id
            for (task_id, kind), entry in self.work.every("ledger")
            if kind is not LedgerKind.HOLD and entry.created_at < closed_before
        ][:limit]
        for task_id in closed:
            for kind in (LedgerKind.HOLD, LedgerKind.SETTLE, LedgerKind.RELEASE):
                if self.work.get("ledger", (task_id, kind)) is not None:
                    self.work.write("ledger", (task_id, kind), None)
        return len(closed)

    @statement
    def _add_credit(self, key_id: str, credit: int) -> bool:
        found = self.work.lock("accounts", key_id)
        if found is None or found[0].credits is None:
            return False
        self._balance(found, found[0].credits + credit)
        return True

    @statement
    def _enter_topup(self, key_id: str, credit: int, now: float) -> None:
        self.work.write("topups", self.work.rows.next_number(), Entry(key_id, credit, now))

    @statement
    def _take(self, key_id: str, credit: int, *, to_hold: bool = False) -> bool:
        found = self.work.lock("accounts", key_id)
        if found is None or (found[0].credits is not None and found[0].credits < credit):
            return False
        if to_hold and found[0].revoked_at is not None:
            return False
        self._balance(found, None if found[0].credits is None else found[0].credits - credit)
        return True

    @statement
    def _close(self, key_id: str, task_id: str, cost: int) -> None:
        hold = self.work.get("ledger", (task_id, LedgerKind.HOLD))
        found = self.work.lock("accounts", key_id)
        if hold is None:
            raise ConstraintError("ledger.credits: a charge without a hold")
        if found is not None:
            self._balance(found, None if found[0].credits is None else found[0].credits - cost - hold.credits)

    @statement
    def _held(self, task_id: str) -> int:
        hold = self.work.get("ledger", (task_id, LedgerKind.HOLD))
        if hold is None:
            raise NoResultFound
        return int(-hold.credits)

    @statement
    def _enter(self, key_id: str, task_id: str, kind: LedgerKind, credit: int, now: float) -> None:
        # As the table's constraints say: one entry of a kind, and one of those that close a hold.
        closing = (LedgerKind.SETTLE, LedgerKind.RELEASE)
        for other in closing if kind in closing else (kind,):
            if self.work.lock_place("ledger", (task_id, other)) is not None:
                raise ConstraintError(f"ledger: {task_id} has {other}")
        self.work.write("ledger", (task_id, kind), Entry(key_id, credit, now))

    @statement
    def _raise(self, task_id: str, credit: int) -> None:
        hold = self.work.lock("ledger", (task_id, LedgerKind.HOLD))
        self.work.write("ledger", (task_id, LedgerKind.HOLD), replace(hold, credits=-credit))

    @statement
    def _count_in(self, key_id: str, day: int, cost: int) -> None:
        found: DayUsage | None = self.work.lock_place("usage_days", (key_id, day))
        before = found or DayUsage(day, 0, 0)
        self.work.write("usage_days", (key_id, day), DayUsage(day, before.tasks + 1, before.credits + cost))

    def _balance(self, found: tuple[Account, bytes], left: int | None) -> None:
        if left is not None and left < 0:
            raise ConstraintError("credits_never_negative")
        self.work.write("accounts", found[0].id, (replace(found[0], credits=left), found[1]))
