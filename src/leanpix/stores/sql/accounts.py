"""Keys, credits and the ledger in a SQL database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, case, delete, insert, null, or_, select, text, update

from leanpix.domain.account import Account, DayUsage, LedgerKind
from leanpix.service.ports import Answer
from leanpix.stores.sql.connections import Changed, SqlConnection, SqlRow
from leanpix.stores.sql.tables import accounts, ledger, usage_days

_DAY_S = 86400
# Built once: building a statement costs more than running it.
_OF_KEY = accounts.c.id == bindparam("of_key")
_GET = select(accounts).where(_OF_KEY)
_CREDITS = select(accounts.c.credits).where(_OF_KEY).with_for_update()
_TAKE = (
    update(accounts)
    .where(_OF_KEY, or_(accounts.c.credits.is_(None), accounts.c.credits >= bindparam("credit")))
    .values(credits=accounts.c.credits - bindparam("credit"))
)
_TAKE_TO_HOLD = _TAKE.where(accounts.c.revoked_at.is_(None))
_REVOKED_AT = select(accounts.c.revoked_at).where(_OF_KEY)
_HELD = select(ledger.c.credits).where(ledger.c.task_id == bindparam("of_task"), ledger.c.kind == LedgerKind.HOLD.value)
# A hold is a negative entry: taking it away gives it back. Looked up by itself: joined by the key, a database that
# knows nothing yet of how many entries there are reads all of the key's.
_HOLD = _HELD.scalar_subquery()
_CLOSE = (
    update(accounts).where(_OF_KEY, _HOLD.is_not(None)).values(credits=accounts.c.credits - bindparam("credit") - _HOLD)
)
_ENTER = insert(ledger)
# Without a hold it has no amount, which the table refuses: nobody has to wait for how many rows were closed.
_ENTER_CHARGE = insert(ledger).values(credits=case((_HOLD.is_not(None), -bindparam("credit")), else_=null()))
_RAISE = (
    update(ledger)
    .where(ledger.c.task_id == bindparam("of_task"), ledger.c.kind == LedgerKind.HOLD.value)
    .values(credits=-bindparam("credit"))
)
# The account's row is locked by the settlement that this is part of: a key's charges never wait for each other here.
_COUNT_IN = text("""
    INSERT INTO usage_days (key_id, day, tasks, credits) VALUES (:of_key, :day, 1, :cost)
    ON CONFLICT (key_id, day) DO UPDATE SET tasks = usage_days.tasks + 1, credits = usage_days.credits + :cost
""")
_USAGE = (
    select(usage_days)
    .where(usage_days.c.key_id == bindparam("of_key"), usage_days.c.day >= bindparam("first_day"))
    .order_by(usage_days.c.day)
)
_CLOSED = (
    select(ledger.c.closes)
    .where(ledger.c.created_at < bindparam("before"), ledger.c.closes.is_not(None))
    .order_by(ledger.c.created_at)
    .limit(bindparam("most"))
)


class SqlAccounts:
    """The accounts of one transaction."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection

    def add(self, account: Account, secret_hash: bytes) -> None:
        """Insert a key; only the hash of its secret is kept."""
        self._connection.execute(
            insert(accounts).values(
                id=account.id,
                name=account.name,
                secret_hash=secret_hash,
                qps=account.qps,
                credits=account.credits,
                is_admin=account.is_admin,
                created_at=account.created_at,
                revoked_at=account.revoked_at,
            )
        )

    def get(self, key_id: str) -> Account | None:
        """The account, or None."""
        row = self._connection.execute(_GET, {"of_key": key_id}).first()
        return None if row is None else _account(row)

    def credentials(self, key_id: str) -> tuple[Account, bytes] | None:
        """The account and the stored hash of the key's secret, or None."""
        row = self._connection.execute(_GET, {"of_key": key_id}).first()
        return None if row is None else (_account(row), bytes(row.secret_hash))

    def list(self, offset: int = 0, limit: int | None = None) -> list[Account]:
        """Accounts, oldest first: all of them, or a page."""
        chosen = select(accounts).order_by(accounts.c.created_at, accounts.c.id)
        if limit is not None:
            chosen = chosen.offset(offset).limit(limit)
        return [_account(row) for row in self._connection.execute(chosen)]

    def rehash(self, key_id: str, secret_hash: bytes) -> None:
        """Let another secret open the account."""
        self._connection.execute(update(accounts).where(_OF_KEY).values(secret_hash=secret_hash), {"of_key": key_id})

    def any(self) -> bool:
        """Whether there is any account at all."""
        return self._connection.execute(select(accounts.c.id).limit(1)).first() is not None

    def revoke(self, key_id: str, now: float) -> bool:
        """Refuse the key from now on; False where there is no such key."""
        chosen = update(accounts).where(accounts.c.id == key_id).values(revoked_at=now)
        return self._connection.execute(chosen).rowcount == 1

    def topup(self, key_id: str, credit: int, now: float) -> bool:
        """Add credits to a limited key; False where there is no such limited key."""
        chosen = update(accounts).where(accounts.c.id == key_id, accounts.c.credits.is_not(None))
        done = self._connection.execute(chosen.values(credits=accounts.c.credits + credit)).rowcount == 1
        if done:
            self._enter(key_id, None, LedgerKind.TOPUP, credit, now)
        return done

    def hold(self, key_id: str, task_id: str, credit: int, now: float) -> bool:
        """Set credits aside for a task; False where there are too few, or the key has been revoked."""
        if not self._take_to_hold(key_id, credit):
            return False
        self._enter(key_id, task_id, LedgerKind.HOLD, -credit, now)
        return True

    def hold_or_undo(self, key_id: str, task_id: str, credit: int, now: float) -> Answer:
        """The same, entered whatever the answer: where it is no the transaction has to be undone."""
        taken = self._take_to_hold(key_id, credit)
        self._enter(key_id, task_id, LedgerKind.HOLD, -credit, now)
        return taken

    def raise_hold(self, key_id: str, task_id: str, credit: int) -> bool:
        """Have so many credits set aside for a task in place of fewer; False where there are too few."""
        if not self._take(key_id, credit - self._held(task_id)):
            return False
        self._connection.execute(_RAISE, {"of_task": task_id, "credit": credit})
        return True

    def is_revoked(self, key_id: str) -> bool:
        """Whether the key has been revoked."""
        return self._connection.scalar(_REVOKED_AT, {"of_key": key_id}) is not None

    def covers(self, key_id: str, credit: int) -> bool:
        """Whether so much can be taken; the balance stays as it is until the transaction ends."""
        balance = self._connection.scalar(_CREDITS, {"of_key": key_id})
        return balance is None or balance >= credit

    def settle(self, key_id: str, task_id: str, cost: int, now: float) -> None:
        """Turn a task's hold into a charge of `cost`, which the hold and the balance cover.

        Where they do not, or there is no hold, or none any more, the store's constraints refuse it, at the latest as
        the transaction ends.
        """
        charge = {"of_key": key_id, "of_task": task_id, "credit": cost}
        self._connection.execute(_CLOSE, charge)
        entry = {"key_id": key_id, "task_id": task_id, "kind": LedgerKind.SETTLE.value, "created_at": now}
        self._connection.execute(_ENTER_CHARGE, {**entry, "closes": task_id, "of_task": task_id, "credit": cost})
        self._connection.execute(_COUNT_IN, {"of_key": key_id, "day": int(now // _DAY_S), "cost": cost})

    def release(self, key_id: str, task_id: str, now: float) -> None:
        """Give a task's hold back."""
        held = self._held(task_id)
        self._take(key_id, -held)
        self._enter(key_id, task_id, LedgerKind.RELEASE, held, now)

    def usage(self, key_id: str, first_day: int) -> Sequence[DayUsage]:
        """What was charged on each day from that one on, oldest first; days without a charge are left out."""
        rows = self._connection.execute(_USAGE, {"of_key": key_id, "first_day": first_day})
        return [DayUsage(int(row.day), int(row.tasks), int(row.credits)) for row in rows]

    def forget_closed(self, closed_before: float, limit: int) -> int:
        """Remove the ledger's rows of tasks that were settled or released before then; returns how many tasks."""
        closed = list(self._connection.scalars(_CLOSED, {"before": closed_before, "most": limit}))
        if closed:
            self._connection.execute(delete(ledger).where(ledger.c.task_id.in_(closed)))
        return len(closed)

    def _take(self, key_id: str, credit: int) -> bool:
        return self._connection.execute(_TAKE, {"of_key": key_id, "credit": credit}).rowcount == 1

    def _take_to_hold(self, key_id: str, credit: int) -> Answer:
        return Changed(self._connection.execute(_TAKE_TO_HOLD, {"of_key": key_id, "credit": credit}))

    def _held(self, task_id: str) -> int:
        return -int(self._connection.execute(_HELD, {"of_task": task_id}).scalar_one())

    def _enter(self, key_id: str, task_id: str | None, kind: LedgerKind, credit: int, now: float) -> None:
        closes = task_id if kind in (LedgerKind.SETTLE, LedgerKind.RELEASE) else None
        entry = {"key_id": key_id, "task_id": task_id, "kind": kind.value, "credits": credit, "created_at": now}
        self._connection.execute(_ENTER, {**entry, "closes": closes})


def _account(row: SqlRow) -> Account:
    is_admin = bool(row.is_admin)  # SQLite has no such type
    return Account(row.id, row.name, row.qps, row.credits, is_admin, row.created_at, row.revoked_at)
