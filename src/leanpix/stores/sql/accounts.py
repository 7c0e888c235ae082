"""Keys, credits and the ledger in a SQL database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Integer, bindparam, cast, func, insert, or_, select, update

from leanpix.domain.account import Account, DayUsage, LedgerKind
from leanpix.stores.sql.connections import SqlConnection, SqlRow
from leanpix.stores.sql.tables import accounts, ledger

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
_HELD = select(ledger.c.credits).where(ledger.c.task_id == bindparam("of_task"), ledger.c.kind == LedgerKind.HOLD.value)
# A hold is a negative entry: taking it away gives it back. Looked up by itself: joined by the key, a database that
# knows nothing yet of how many entries there are reads all of the key's.
_HOLD = _HELD.scalar_subquery()
_LEFT = accounts.c.credits - bindparam("credit") - _HOLD
_CLOSE = (
    update(accounts)
    .where(_OF_KEY, _HOLD.is_not(None), or_(accounts.c.credits.is_(None), _LEFT >= 0))
    .values(credits=_LEFT)
)
_ENTER = insert(ledger)
_CHARGED = select(func.count()).where(
    ledger.c.key_id == bindparam("of_key"),
    ledger.c.created_at >= bindparam("since"),
    ledger.c.created_at < bindparam("until"),
    ledger.c.kind == LedgerKind.SETTLE.value,
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

    def list(self) -> list[Account]:
        """Every account, oldest first."""
        return [_account(row) for row in self._connection.execute(select(accounts).order_by(accounts.c.created_at))]

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
        """Set credits aside for a task; False where there are too few."""
        if not self._take(key_id, credit):
            return False
        self._enter(key_id, task_id, LedgerKind.HOLD, -credit, now)
        return True

    def covers(self, key_id: str, credit: int) -> bool:
        """Whether so much can be taken; the balance stays as it is until the transaction ends."""
        balance = self._connection.scalar(_CREDITS, {"of_key": key_id})
        return balance is None or balance >= credit

    def settle(self, key_id: str, task_id: str, cost: int, now: float) -> bool:
        """Turn a task's hold into a charge of `cost`; False where the balance does not cover a larger cost."""
        values = {"of_key": key_id, "of_task": task_id, "credit": cost}
        if self._connection.execute(_CLOSE, values).rowcount != 1:
            self._held(task_id)  # NoResultFound where there is no hold: an error of ours
            return False
        self._enter(key_id, task_id, LedgerKind.SETTLE, -cost, now)
        return True

    def release(self, key_id: str, task_id: str, now: float) -> None:
        """Give a task's hold back."""
        held = self._held(task_id)
        self._take(key_id, -held)
        self._enter(key_id, task_id, LedgerKind.RELEASE, held, now)

    def charged(self, key_id: str, since: float, until: float) -> int:
        """How many tasks were charged from one moment up to, and without, another."""
        values = {"of_key": key_id, "since": since, "until": until}
        return int(self._connection.execute(_CHARGED, values).scalar_one())

    def usage(self, key_id: str, since: float) -> Sequence[DayUsage]:
        """What was charged on each day since then, oldest first; days without a charge are left out."""
        day = self._day(ledger.c.created_at).label("day")
        chosen = (
            select(day, func.count().label("tasks"), func.sum(-ledger.c.credits).label("spent"))
            .where(ledger.c.key_id == key_id, ledger.c.kind == LedgerKind.SETTLE.value, ledger.c.created_at >= since)
            .group_by(day)
            .order_by(day)
        )
        return [DayUsage(int(row.day), int(row.tasks), int(row.spent)) for row in self._connection.execute(chosen)]

    def _day(self, moment: ColumnElement[float]) -> ColumnElement[int]:
        """The UTC day of a moment. PostgreSQL would round a cast, SQLite cuts it and may have no floor."""
        days = moment / _DAY_S
        return cast(func.floor(days) if self._connection.dialect.name == "postgresql" else days, Integer)

    def _take(self, key_id: str, credit: int) -> bool:
        return self._connection.execute(_TAKE, {"of_key": key_id, "credit": credit}).rowcount == 1

    def _held(self, task_id: str) -> int:
        return -int(self._connection.execute(_HELD, {"of_task": task_id}).scalar_one())

    def _enter(self, key_id: str, task_id: str | None, kind: LedgerKind, credit: int, now: float) -> None:
        closes = task_id if kind in (LedgerKind.SETTLE, LedgerKind.RELEASE) else None
        entry = {"key_id": key_id, "task_id": task_id, "kind": kind.value, "credits": credit, "created_at": now}
        self._connection.execute(_ENTER, {**entry, "closes": closes})


def _account(row: SqlRow) -> Account:
    is_admin = bool(row.is_admin)  # SQLite has no such type
    return Account(row.id, row.name, row.qps, row.credits, is_admin, row.created_at, row.revoked_at)
