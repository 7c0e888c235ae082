"""Task rows in a SQL database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    Dialect,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import ReturnType
from leanpix.domain.states import TaskState, state_of
from leanpix.domain.task import FencingToken, Outcome, QueueEntry, SourceKind, StoredResult, Task, Unfinished
from leanpix.domain.webhook import Callback
from leanpix.stores.sql.codec import (
    ignored_from_json,
    options_from_json,
    options_to_json,
    report_from_json,
    report_to_json,
)
from leanpix.stores.sql.connections import SqlConnection, SqlRow
from leanpix.stores.sql.tables import accounts, task_columns, tasks

# Built once: building a statement costs more than running it. Values given beside those named here are written.
_WAITING = and_(tasks.c.completed_at.is_(None), tasks.c.owner.is_(None))
_OF_TASK = tasks.c.id == bindparam("of_task")
_GET = select(*task_columns).where(_OF_TASK)
_ADD = insert(tasks)
# A held source's task belongs to the process that holds it, and has had no attempt while it waits for a slot there.
_WAITS_FOR = or_(tasks.c.owner.is_(None), and_(tasks.c.owner == bindparam("by_owner"), tasks.c.attempt == 0))
_IS_HELD = tasks.c.source_kind == SourceKind.HELD.value
_CLAIM = (
    update(tasks)
    .where(_OF_TASK, tasks.c.completed_at.is_(None), _WAITS_FOR)
    .values(
        owner=bindparam("by_owner"),
        attempt=tasks.c.attempt + 1,
        beat=0,
        state=int(TaskState.PREPARING),
        processed_at=func.coalesce(tasks.c.processed_at, bindparam("at")),
    )
    .returning(*task_columns, tasks.c.source)
)
_SEIZE = (
    update(tasks)
    .where(_OF_TASK, tasks.c.completed_at.is_(None))
    .values(owner=bindparam("by_owner"), attempt=tasks.c.attempt + 1, beat=0)
    .returning(*task_columns)
)
_WRITE = update(tasks).where(
    _OF_TASK,
    tasks.c.owner == bindparam("of_owner"),
    tasks.c.attempt == bindparam("of_attempt"),
    tasks.c.completed_at.is_(None),
)
# An ended task's source is nowhere: other versions need not know that it never was on a disk.
_FINISH = _WRITE.values(
    source_kind=case((_IS_HELD, SourceKind.UPLOAD.value), else_=tasks.c.source_kind), source=null(), source_in_row=False
)
# Looked at here: asked for by itself it would be one more wait for a shared database.
_FINISH_PAID = _FINISH.where(
    ~exists().where(accounts.c.id == tasks.c.key_id, accounts.c.revoked_at.is_not(None)).correlate(tasks)
)
_SOURCE = select(tasks.c.source).where(_OF_TASK)
_RESULT = select(tasks.c.result).where(_OF_TASK, tasks.c.result_blob == bindparam("of_blob"))
_PROMISE = (
    update(tasks)
    .where(_OF_TASK, tasks.c.completed_at.is_(None), _IS_HELD, tasks.c.owner == bindparam("by_owner"))
    .values(source_kind=SourceKind.UPLOAD.value, owner=case((tasks.c.attempt > 0, tasks.c.owner), else_=None))
)
_KEEP = update(tasks).where(_OF_TASK, tasks.c.completed_at.is_(None)).values(beat=tasks.c.beat)
_FORGET = delete(tasks).where(
    _OF_TASK,
    tasks.c.owner == bindparam("of_owner"),
    tasks.c.attempt == bindparam("of_attempt"),
    tasks.c.completed_at.is_(None),
    _IS_HELD,
)
_GIVE_UP_FAILED = _WRITE.values(faults=tasks.c.faults + 1)
_BEAT = _WRITE.values(beat=tasks.c.beat + 1)
_RUNNING = select(*task_columns).where(tasks.c.completed_at.is_(None), tasks.c.owner.is_not(None))
_OF_REVOKED = (
    select(*task_columns)
    .join(accounts, accounts.c.id == tasks.c.key_id)
    .where(tasks.c.completed_at.is_(None), accounts.c.revoked_at.is_not(None))
    .limit(bindparam("most"))
)
_OF_BATCH = (
    select(*task_columns)
    .where(tasks.c.completed_at.is_(None), tasks.c.batch_id == bindparam("of_batch"))
    .limit(bindparam("most"))
)
_ENDED_BEFORE = (
    select(tasks.c.id)
    .where(tasks.c.completed_at < bindparam("before"), tasks.c.batch_id.is_(None))
    .limit(bindparam("most"))
)
_WAITING_IDS = select(tasks.c.id).where(_WAITING)
_BY_CACHE_KEY = (
    select(*task_columns)
    .where(tasks.c.cache_key == bindparam("key"), tasks.c.completed_at > bindparam("after"))
    .order_by(tasks.c.completed_at.desc())
    .limit(1)
)
_COUNT_UNFINISHED = select(
    func.coalesce(func.sum(case((tasks.c.key_id == bindparam("of_key"), 1), else_=0)), 0),
    func.count(),
    func.coalesce(func.sum(case((and_(tasks.c.owner.is_(None), tasks.c.fetch_host.is_(None)), 1), else_=0)), 0),
).where(tasks.c.completed_at.is_(None))


def _line() -> Select[tuple[str, str]]:
    """The line of tasks that wait for anybody or for `by_owner`, up to `most` of them."""
    of_batch = tasks.c.batch_id.is_not(None)
    turn = func.row_number().over(partition_by=tasks.c.key_id, order_by=(_WAITS_FOR, of_batch, tasks.c.created_at))
    columns = (tasks.c.id, tasks.c.key_id, tasks.c.created_at, _WAITS_FOR.label("waits"), turn.label("turn"))
    # What waits for another holder is no turn of its key's: on one machine that holder is gone.
    counts = or_(_WAITS_FOR, tasks.c.attempt > 0)
    line = select(*columns).where(tasks.c.completed_at.is_(None), tasks.c.fetch_host.is_(None), counts).subquery()
    waiting = select(line.c.id, line.c.key_id).where(line.c.waits)
    return waiting.order_by(line.c.turn, line.c.created_at).limit(bindparam("most", type_=Integer))


def _line_to_fetch() -> Select[tuple[str, str, str]]:
    """The line of tasks whose source has to be fetched, up to `most`, of each key at most `per_host` for a host."""
    first_come = (tasks.c.owner.is_(None), tasks.c.batch_id.is_not(None), tasks.c.created_at)
    in_host = func.row_number().over(partition_by=(tasks.c.key_id, tasks.c.fetch_host), order_by=first_come)
    columns = (tasks.c.id, tasks.c.key_id, tasks.c.fetch_host, tasks.c.owner, tasks.c.created_at, tasks.c.batch_id)
    unfinished = select(*columns, in_host.label("in_host"))
    shared = unfinished.where(tasks.c.completed_at.is_(None), tasks.c.fetch_host.is_not(None)).subquery()
    turn = func.row_number().over(
        partition_by=shared.c.key_id,
        order_by=(shared.c.owner.is_(None), shared.c.batch_id.is_not(None), shared.c.created_at),
    )
    line = select(shared, turn.label("turn")).where(shared.c.in_host <= bindparam("per_host")).subquery()
    waiting = select(line.c.id, line.c.key_id, line.c.fetch_host).where(line.c.owner.is_(None))
    return waiting.order_by(line.c.turn, line.c.created_at).limit(bindparam("most"))


_LINE = _line()
_LINE_TO_FETCH = _line_to_fetch()


def first_in_line(dialect: Dialect) -> str:
    """The query of the task that is the first in line where no source is held: its id and its key's."""
    compiled = _LINE.params(by_owner="", most=1).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return str(compiled)


class SqlTasks:
    """The task rows of one transaction."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection

    def add(self, task: Task, source: bytes | None = None) -> None:
        """Insert a new row; source: an upload that is to lie in it."""
        self._connection.execute(
            _ADD,
            {
                **accepted_values(task),
                "owner": task.owner,
                "source": source,
                "source_in_row": source is not None,
                "callback_url": task.callback.url if task.callback else None,
                "callback_base": task.callback.base if task.callback else None,
            },
        )

    def get(self, task_id: str) -> Task | None:
        """The row, or None."""
        row = self._connection.execute(_GET, {"of_task": task_id}).first()
        return None if row is None else task_of(row)

    def source(self, task_id: str) -> bytes | None:
        """The upload that lies in the row, or None."""
        found: bytes | None = self._connection.scalar(_SOURCE, {"of_task": task_id})
        return found

    def result(self, task_id: str, blob: str) -> bytes | None:
        """The result of this key that lies in the row, or None."""
        found: bytes | None = self._connection.scalar(_RESULT, {"of_task": task_id, "of_blob": blob})
        return found

    def claim(self, task_id: str, owner: str, now: float) -> Task | None:
        """Take a waiting task: next attempt, state PREPARING. None where it is not waiting any more."""
        row = self._connection.execute(_CLAIM, {"of_task": task_id, "by_owner": owner, "at": now}).first()
        if row is None:
            return None
        return task_of(row) if row.source is None else replace(task_of(row), source=row.source)

    def promise(self, task_id: str, owner: str) -> bool:
        """The source of a task that this owner held is stored; False where it is not held any more."""
        return self._connection.execute(_PROMISE, {"of_task": task_id, "by_owner": owner}).rowcount == 1

    def keep(self, task_id: str) -> bool:
        """Have an unfinished row outlive a power cut once this transaction has ended; False where it is gone.

        It is written as it is: whoever waits for that has waited for what was written before. An end was waited for.
        """
        return self._connection.execute(_KEEP, {"of_task": task_id}).rowcount == 1 or self.get(task_id) is not None

    def forget(self, fence: FencingToken) -> bool:
        """Remove a task whose source was held by a process that is gone; False where the fence is lost."""
        return self._connection.execute(_FORGET, _of(fence)).rowcount == 1

    def seize(self, task_id: str, owner: str) -> Task | None:
        """Take an unfinished task, whoever has it, to end it; None where it has ended.

        The attempt under way loses its fence.
        """
        row = self._connection.execute(_SEIZE, {"of_task": task_id, "by_owner": owner}).first()
        return None if row is None else task_of(row)

    def advance(self, fence: FencingToken, state: TaskState) -> bool:
        """Record a finer state; False where the fence is lost."""
        return self._update(fence, state=int(state))

    def finish(self, fence: FencingToken, outcome: Outcome, now: float, charged: int) -> bool:
        """Record how the task ended; False where the fence is lost, and then nothing is written.

        What is charged for is not recorded of a revoked key either.
        """
        result = outcome.result
        ended = {
            "state": int(outcome.state),
            "message": outcome.message,
            "completed_at": now,
            "charged": charged,
            "owner": None,
            "result_blob": result.blob if result else None,
            "result_format": result.format.value if result else None,
            "result_bytes": result.size_bytes if result else None,
            "result_in_row": outcome.content is not None,
            "result": outcome.content,
            "report": report_to_json(outcome.report) if outcome.report else None,
            "cache_key": outcome.cache_key,
        }
        return self._connection.execute(_FINISH_PAID if charged else _FINISH, _of(fence) | ended).rowcount == 1

    def by_cache_key(self, cache_key: str, completed_after: float) -> Task | None:
        """The newest task whose result was made of the same, and that ended after the given time."""
        row = self._connection.execute(_BY_CACHE_KEY, {"key": cache_key, "after": completed_after}).first()
        return None if row is None else task_of(row)

    def fetched(self, fence: FencingToken) -> bool:
        """The source is there: nobody owns the task, which waits for a worker from now on."""
        return self._update(fence, state=int(TaskState.WAITING), owner=None, fetch_host=None)

    def raise_held(self, fence: FencingToken, held: int) -> bool:
        """Record that more credits are held for the task; False where the fence is lost."""
        return self._update(fence, held=held)

    def hand_back(self, fence: FencingToken, *, is_fault: bool = False) -> bool:
        """Give the task up so that another attempt can be made; False where the fence is lost."""
        given = _of(fence) | {"state": int(TaskState.WAITING), "owner": None}
        return self._connection.execute(_GIVE_UP_FAILED if is_fault else _WRITE, given).rowcount == 1

    def beat(self, fences: Iterable[FencingToken]) -> Sequence[FencingToken]:
        """Show that these attempts are alive; those of them that are lost."""
        return [fence for fence in fences if self._connection.execute(_BEAT, _of(fence)).rowcount == 0]

    def running(self) -> list[Task]:
        """Every task that somebody owns."""
        return [task_of(row) for row in self._connection.execute(_RUNNING)]

    def ready(self, limit: int, holder: str = "") -> list[QueueEntry]:
        """The line of tasks that wait for a worker: each key's first before any key's second, the oldest among equals.

        What a key has running counts as its first ones, so a backlog of one key delays no other key. Its batches come
        after what it sent by itself.
        """
        rows = self._connection.execute(_LINE, {"most": limit, "by_owner": holder})
        return [QueueEntry(row.id, row.key_id) for row in rows]

    def to_fetch(self, per_host: int, limit: int) -> list[QueueEntry]:
        """The line of tasks whose source has to be fetched, in the same order, each with its host."""
        rows = self._connection.execute(_LINE_TO_FETCH, {"per_host": per_host, "most": limit})
        return [QueueEntry(row.id, row.key_id, row.fetch_host) for row in rows]

    def of_revoked_keys(self, limit: int) -> list[Task]:
        """Some unfinished tasks whose key has been revoked."""
        return [task_of(row) for row in self._connection.execute(_OF_REVOKED, {"most": limit})]

    def of_batch(self, batch_id: str, limit: int) -> list[Task]:
        """Some unfinished tasks of a batch."""
        return [task_of(row) for row in self._connection.execute(_OF_BATCH, {"of_batch": batch_id, "most": limit})]

    def waiting(self) -> list[str]:
        """Ids of every task that nobody owns and that has not ended."""
        return list(self._connection.scalars(_WAITING_IDS))

    def ended_before(self, completed_before: float, limit: int) -> list[str]:
        """Ids of ended tasks that ended before the given time; those of batches are kept as long as the batch."""
        return list(self._connection.scalars(_ENDED_BEFORE, {"before": completed_before, "most": limit}))

    def delete(self, task_ids: Iterable[str]) -> None:
        """Remove rows."""
        self._connection.execute(delete(tasks).where(tasks.c.id.in_(list(task_ids))))

    def count_unfinished(self, key_id: str) -> Unfinished:
        """How many tasks have not ended: this key's, everybody's, and of those how many wait for anybody."""
        row = self._connection.execute(_COUNT_UNFINISHED, {"of_key": key_id}).one()
        return Unfinished(int(row[0]), int(row[1]), int(row[2]))

    def _update(self, fence: FencingToken, **values: Any) -> bool:  # noqa: ANN401 - column values of several types
        return self._connection.execute(_WRITE, _of(fence) | values).rowcount == 1


def _of(fence: FencingToken) -> dict[str, Any]:
    return {"of_task": fence.task_id, "of_owner": fence.owner, "of_attempt": fence.attempt}


def accepted_values(task: Task) -> dict[str, object]:
    """The columns that a task has from the beginning, but for whom its end is told to."""
    return {
        "id": task.id,
        "key_id": task.key_id,
        "state": int(task.state),
        "options": options_to_json(task.options, task.ignored),
        "return_type": int(task.return_type),
        "source_kind": task.source_kind.value,
        "created_at": task.created_at,
        "processed_at": task.processed_at,
        "held": task.held,
        "charged": task.charged,
        "attempt": task.attempt,
        "beat": task.beat,
        "batch_id": task.batch_id,
        "trace": task.trace,
        "fetch_host": task.fetch_host,
        "faults": task.faults,
    }


def task_of(row: SqlRow | SimpleNamespace) -> Task:
    """The task that a row of the table, or what has the same names, says."""
    return Task(
        id=row.id,
        key_id=row.key_id,
        state=state_of(row.state),
        options=options_from_json(row.options),
        return_type=ReturnType(row.return_type),
        source_kind=SourceKind(row.source_kind),
        created_at=row.created_at,
        held=row.held,
        processed_at=row.processed_at,
        completed_at=row.completed_at,
        owner=row.owner,
        attempt=row.attempt,
        beat=row.beat,
        charged=row.charged,
        message=row.message,
        result=_result(row),
        report=report_from_json(row.report) if row.report else None,
        callback=Callback(row.callback_url, row.callback_base) if row.callback_url else None,
        batch_id=row.batch_id,
        trace=row.trace,
        fetch_host=row.fetch_host,
        faults=row.faults or 0,
        ignored=ignored_from_json(row.options),
        source_in_row=bool(row.source_in_row),  # SQLite has no such type
    )


def _result(row: SqlRow | SimpleNamespace) -> StoredResult | None:
    if row.result_blob is None:
        return None
    return StoredResult(row.result_blob, OutputFormat(row.result_format), row.result_bytes, bool(row.result_in_row))
