"""Batches and their items in a SQL database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, case, delete, exists, func, insert, literal, null, select, true, update

from leanpix.domain.batch import Batch, BatchItem
from leanpix.domain.request import ReturnType
from leanpix.domain.states import TaskState, state_of
from leanpix.domain.task import Outcome, SourceKind, Task
from leanpix.domain.webhook import Callback
from leanpix.stores.sql.codec import options_from_json, options_to_json
from leanpix.stores.sql.connections import SqlConnection, SqlRow
from leanpix.stores.sql.tables import accounts, batch_items, batches, task_columns, tasks
from leanpix.stores.sql.tasks import task_of

_WITH_TASKS = batch_items.outerjoin(tasks, tasks.c.id == batch_items.c.task_id)

# Built once: building a statement costs more than running it.
_GET = select(batches).where(batches.c.id == bindparam("of_batch"))
_COUNTS = (
    select(tasks.c.state, func.count())
    .select_from(_WITH_TASKS)
    .where(batch_items.c.batch_id == bindparam("of_batch"))
    .group_by(tasks.c.state)
)
_UNFINISHED = select(batches).where(batches.c.completed_at.is_(None)).order_by(batches.c.created_at)
_OF_REVOKED = (
    select(batches)
    .join(accounts, accounts.c.id == batches.c.key_id)
    .where(batches.c.completed_at.is_(None), accounts.c.revoked_at.is_not(None))
)
_STORED = select(
    func.coalesce(func.sum(case((batches.c.key_id == bindparam("of_key"), batches.c.source_bytes), else_=0)), 0),
    func.coalesce(func.sum(batches.c.source_bytes), 0),
).where(batches.c.completed_at.is_(None))


class SqlBatches:
    """The batches of one transaction."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection

    def add(self, batch: Batch, items: Iterable[BatchItem]) -> None:
        """Insert a batch whose items all wait."""
        self._connection.execute(
            insert(batches).values(
                id=batch.id,
                key_id=batch.key_id,
                options=options_to_json(batch.options),
                created_at=batch.created_at,
                callback_url=batch.callback.url if batch.callback else None,
                callback_base=batch.callback.base if batch.callback else None,
                source_bytes=batch.source_bytes,
            )
        )
        self._connection.execute(
            insert(batch_items),
            [
                {
                    "batch_id": batch.id,
                    "number": item.number,
                    "name": item.name,
                    "task_id": item.task_id,
                    "source_kind": item.source_kind.value,
                    "is_waiting": True,
                    "fetch_host": item.fetch_host,
                }
                for item in items
            ],
        )

    def get(self, batch_id: str) -> Batch | None:
        """The batch, or None."""
        row = self._connection.execute(_GET, {"of_batch": batch_id}).first()
        return None if row is None else _batch(row)

    def unfinished(self) -> Sequence[Batch]:
        """Every batch that has not ended, oldest first."""
        return [_batch(row) for row in self._connection.execute(_UNFINISHED)]

    def count_unfinished(self, key_id: str) -> int:
        """How many batches of the key have not ended."""
        chosen = select(func.count()).where(batches.c.key_id == key_id, batches.c.completed_at.is_(None))
        return int(self._connection.scalar(chosen) or 0)

    def waiting(self, batch_id: str, limit: int) -> Sequence[BatchItem]:
        """The next items that have no task yet."""
        chosen = select(batch_items).where(batch_items.c.batch_id == batch_id, batch_items.c.is_waiting == true())
        return [_item(row) for row in self._connection.execute(chosen.order_by(batch_items.c.number).limit(limit))]

    def begin(self, batch_id: str, number: int) -> None:
        """The item has a task from now on."""
        chosen = update(batch_items).where(batch_items.c.batch_id == batch_id, batch_items.c.number == number)
        self._connection.execute(chosen.values(is_waiting=False))

    def count_tasks(self, key_id: str) -> int:
        """How many unfinished tasks of the key are items of batches."""
        mine = select(func.count()).select_from(tasks).where(tasks.c.key_id == key_id, tasks.c.completed_at.is_(None))
        return int(self._connection.scalar(mine.where(tasks.c.batch_id.is_not(None))) or 0)

    def of_revoked_keys(self) -> Sequence[Batch]:
        """Every unfinished batch whose key has been revoked."""
        return [_batch(row) for row in self._connection.execute(_OF_REVOKED)]

    def end_waiting(
        self, batch: Batch, outcome: Outcome, now: float, task_ids: Sequence[str] | None = None
    ) -> Sequence[str]:
        """Make ended tasks, by this outcome and without a charge, of items that still wait; the tasks' ids.

        task_ids: only of items whose tasks will have these ids.
        """
        waiting = [batch_items.c.batch_id == batch.id, batch_items.c.is_waiting == true()]
        if task_ids is not None:
            waiting.append(batch_items.c.task_id.in_(task_ids))
        found = list(self._connection.scalars(select(batch_items.c.task_id).where(*waiting)))
        if not found:
            return []
        values = {
            "id": batch_items.c.task_id,
            "key_id": literal(batch.key_id),
            "state": literal(int(outcome.state)),
            "options": literal(options_to_json(batch.options)),
            "return_type": literal(int(ReturnType.URL)),
            "source_kind": batch_items.c.source_kind,
            "created_at": literal(now),
            "completed_at": literal(now),
            "held": literal(0),
            "charged": literal(0),
            "attempt": literal(0),
            "beat": literal(0),
            "message": literal(outcome.message),
            "batch_id": literal(batch.id),
            "fetch_host": null(),
        }
        ended = select(*values.values()).where(*waiting)
        self._connection.execute(insert(tasks).from_select(list(values), ended))
        self._connection.execute(update(batch_items).where(*waiting).values(is_waiting=False))
        return found

    def stored(self, key_id: str) -> tuple[int, int]:
        """Bytes of sources that unfinished batches came with: this key's, and everybody's."""
        row = self._connection.execute(_STORED, {"of_key": key_id}).one()
        return int(row[0]), int(row[1])

    def end(self, batch_id: str, now: float) -> bool:
        """Record that the batch has ended, where none of its items waits or is under way, and it has not yet."""
        waits = exists().where(batch_items.c.batch_id == batch_id, batch_items.c.is_waiting == true())
        runs = exists().where(tasks.c.batch_id == batch_id, tasks.c.completed_at.is_(None))
        chosen = update(batches).where(batches.c.id == batch_id, batches.c.completed_at.is_(None), ~waits, ~runs)
        return self._connection.execute(chosen.values(completed_at=now)).rowcount == 1

    def counts(self, batch_id: str) -> Mapping[TaskState | None, int]:
        """How many items are in each state; None: without a task yet."""
        grouped = self._connection.execute(_COUNTS, {"of_batch": batch_id})
        return {None if row[0] is None else state_of(row[0]): int(row[1]) for row in grouped}

    def items(self, batch_id: str, offset: int, limit: int) -> Sequence[tuple[BatchItem, Task | None]]:
        """Some of the items by their numbers, each with its task where it has one."""
        place = (batch_items.c.batch_id == batch_id, batch_items.c.number >= offset)
        chosen = select(batch_items).where(*place).order_by(batch_items.c.number).limit(limit)
        found = [_item(row) for row in self._connection.execute(chosen)]
        rows = select(*task_columns).where(tasks.c.id.in_([item.task_id for item in found]))
        known = {row.id: task_of(row) for row in self._connection.execute(rows)}
        return [(item, known.get(item.task_id)) for item in found]

    def owns(self, task_id: str) -> bool:
        """Whether the task, there already or not, belongs to a batch that is still kept."""
        chosen = select(batch_items.c.number).where(batch_items.c.task_id == task_id).limit(1)
        return self._connection.execute(chosen).first() is not None

    def ended_before(self, completed_before: float, limit: int) -> Sequence[str]:
        """Ids of batches that ended before the given time."""
        chosen = select(batches.c.id).where(batches.c.completed_at < completed_before).limit(limit)
        return list(self._connection.scalars(chosen))

    def task_ids(self, batch_id: str) -> Sequence[str]:
        """The ids of all its items' tasks."""
        return list(self._connection.scalars(select(batch_items.c.task_id).where(batch_items.c.batch_id == batch_id)))

    def delete(self, batch_id: str) -> None:
        """Remove the batch, its items and their tasks."""
        self._connection.execute(delete(tasks).where(tasks.c.batch_id == batch_id))
        self._connection.execute(delete(batch_items).where(batch_items.c.batch_id == batch_id))
        self._connection.execute(delete(batches).where(batches.c.id == batch_id))


def _batch(row: SqlRow) -> Batch:
    callback = Callback(row.callback_url, row.callback_base) if row.callback_url else None
    options = options_from_json(row.options)
    return Batch(row.id, row.key_id, options, row.created_at, callback, row.completed_at, row.source_bytes)


def _item(row: SqlRow) -> BatchItem:
    return BatchItem(row.number, row.name, row.task_id, SourceKind(row.source_kind), row.fetch_host)
