"""What has to be told to receivers, and the salts of their secrets, in a SQL database."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Select, bindparam, delete, func, insert, or_, select, text, update

from leanpix.domain.webhook import Callback, DueWebhook, WebhookAttempt, WebhookDelivery, WebhookSalts, WebhookState
from leanpix.stores.sql.connections import SqlConnection, SqlRow
from leanpix.stores.sql.tables import notices, webhook_salts

_SET_SALTS = text("""
    INSERT INTO webhook_salts (key_id, current, previous, rotated_at)
    VALUES (:key_id, :current, :previous, :rotated_at)
    ON CONFLICT (key_id) DO UPDATE SET
        current = excluded.current, previous = excluded.previous, rotated_at = excluded.rotated_at
""")

_IS_DUE = or_(notices.c.due_at <= bindparam("now"), notices.c.due_at > bindparam("furthest"))


def _due_by_turns() -> Select[tuple[str, str, str]]:
    """What is due, at most `per_host` of a host and `most` in all, keys by turns."""
    in_host = func.row_number().over(partition_by=notices.c.host, order_by=notices.c.due_at).label("in_host")
    waiting = select(notices.c.task_id, notices.c.key_id, notices.c.host, notices.c.due_at, in_host)
    shared = waiting.where(_IS_DUE).subquery()
    turn = func.row_number().over(partition_by=shared.c.key_id, order_by=(shared.c.in_host, shared.c.due_at))
    by_turns = select(shared, turn.label("turn")).where(shared.c.in_host <= bindparam("per_host")).subquery()
    chosen = select(by_turns.c.task_id, by_turns.c.key_id, by_turns.c.host)
    return chosen.order_by(by_turns.c.turn, by_turns.c.due_at).limit(bindparam("most"))


_DUE = _due_by_turns()  # built once: every process asks for it twice a second


class SqlWebhookDeliveries:
    """The deliveries of one transaction."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection

    def add(self, ended_id: str, key_id: str, callback: Callback, now: float) -> None:
        """Have the end of a task or a batch told."""
        self._connection.execute(
            insert(notices).values(
                task_id=ended_id,
                key_id=key_id,
                url=callback.url,
                base=callback.base,
                host=callback.host,
                created_at=now,
                state=WebhookState.PENDING.value,
                attempt=0,
                due_at=now,
                tries="[]",
            )
        )

    def due(self, now: float, furthest: float, per_host: int, limit: int) -> Sequence[DueWebhook]:
        """Webhook deliveries whose time has come: at most per_host of a host, and keys by turns.

        One that is due after `furthest` was written by a clock that has been set back since: it is due now.
        """
        bounds = {"now": now, "furthest": furthest, "per_host": per_host, "most": limit}
        return [DueWebhook(row.task_id, row.key_id, row.host) for row in self._connection.execute(_DUE, bounds)]

    def claim(self, task_id: str, now: float, furthest: float, until: float) -> WebhookDelivery | None:
        """Begin a try that counts as lost at `until`; None where somebody else has begun one, or it is over."""
        chosen = update(notices).where(notices.c.task_id == task_id, _IS_DUE)
        begun = chosen.values(attempt=notices.c.attempt + 1, due_at=until).returning(*notices.c)
        row = self._connection.execute(begun, {"now": now, "furthest": furthest}).first()
        return None if row is None else _delivery(row)

    def note(self, delivery: WebhookDelivery) -> bool:
        """Record how a try went; False where another one was begun since, and then nothing is written."""
        done = self._connection.execute(
            update(notices)
            .where(notices.c.task_id == delivery.task_id, notices.c.attempt == delivery.attempt)
            .values(
                state=delivery.state.value,
                due_at=delivery.due_at,
                tries=json.dumps([[one.at, one.status] for one in delivery.tries]),
            )
        )
        return done.rowcount == 1

    def recent(self, key_id: str, limit: int) -> Sequence[WebhookDelivery]:
        """A key's deliveries, the newest first."""
        chosen = select(notices).where(notices.c.key_id == key_id).order_by(notices.c.created_at.desc()).limit(limit)
        return [_delivery(row) for row in self._connection.execute(chosen)]

    def remove_before(self, created_before: float) -> None:
        """Forget the deliveries of tasks that ended before the given time."""
        self._connection.execute(delete(notices).where(notices.c.created_at < created_before))

    def salts(self, key_id: str) -> WebhookSalts | None:
        """What the key's secrets are derived with, or None where it has not made one yet."""
        row = self._connection.execute(select(webhook_salts).where(webhook_salts.c.key_id == key_id)).first()
        return None if row is None else WebhookSalts(row.current, row.previous, row.rotated_at)

    def set_salts(self, key_id: str, salts: WebhookSalts) -> None:
        """Replace them."""
        values = {"current": salts.current, "previous": salts.previous, "rotated_at": salts.rotated_at}
        self._connection.execute(_SET_SALTS, {"key_id": key_id, **values})


def _delivery(row: SqlRow) -> WebhookDelivery:
    return WebhookDelivery(
        task_id=row.task_id,
        key_id=row.key_id,
        callback=Callback(row.url, row.base),
        created_at=row.created_at,
        state=WebhookState(row.state),
        attempt=row.attempt,
        due_at=row.due_at,
        tries=tuple(WebhookAttempt(at, status) for at, status in json.loads(row.tries)),
    )
