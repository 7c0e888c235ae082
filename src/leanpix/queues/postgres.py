"""Delivery to many machines: procrastinate jobs that carry a task's id, written with the task in one transaction."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock, Semaphore
from typing import NamedTuple

import psycopg
from sqlalchemy import TextClause, text

from leanpix.domain.task import QueueEntry
from leanpix.queues.connections import Connection, Connections, Executes
from leanpix.queues.fair_scheduler import FairScheduler
from leanpix.queues.listener import ChannelListener
from leanpix.queues.settings import QueueSettings
from leanpix.queues.shared_places import SharedPlaces
from leanpix.queues.signals import LocalSignals
from leanpix.queues.tenant_slots import TenantSlots
from leanpix.service.ports import Clock, Database

_QUEUE = "leanpix"
_TASK = "leanpix.execute"
_CHANNEL = f"procrastinate_queue_v1#{_QUEUE}"
_POLL_S = 1.0
_PAUSE_S = 0.5
_PLACED_S = 0.01
_FORGET_WORKERS_AFTER = 20  # times the stale time: a row in the way of nobody

# The library's own functions: what its `defer` and its worker call (docs/decisions/0342).
_DEFER = text("""
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        ROW(:queue, :task, 0, NULL, NULL, CAST(:args AS jsonb), NULL)::procrastinate_job_to_defer_v1
    ])
""")
_REGISTER = text("SELECT procrastinate_register_worker_v1()")
_UNREGISTER = text("SELECT procrastinate_unregister_worker_v1(:worker)")
_PRUNE = text("SELECT procrastinate_prune_stalled_workers_v1(:seconds)")
_BEAT = text("""
    SELECT procrastinate_update_heartbeat_v1(:worker), EXISTS (SELECT FROM procrastinate_workers WHERE id = :worker)
""")
_FETCH = """
    SELECT job.id, job.args->>'task_id', line.id, line.key_id
    FROM procrastinate_fetch_job_v2(ARRAY[CAST(:queue AS varchar)], :worker) AS job
    LEFT JOIN LATERAL ({first_in_line}) AS line ON true
    WHERE job.id IS NOT NULL
"""
_FINISH = text("SELECT procrastinate_finish_job_v1(:job, 'succeeded', true)")
_RETRY = text("SELECT procrastinate_retry_job_v2(:job, now() + interval '1 s', NULL, NULL, NULL)")
_HAND_ON = text("""
    WITH stalled AS (
        SELECT job.id FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
        WHERE job.status = 'doing' AND job.queue_name = :queue
            AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => :stale_s))
        FOR UPDATE OF job SKIP LOCKED
    ) SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM stalled
""")
_UNDELIVERED = text("""
    SELECT id FROM tasks WHERE completed_at IS NULL AND owner IS NULL AND fetch_host IS NULL AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs job
        WHERE job.status IN ('todo', 'doing') AND job.queue_name = :queue AND job.args->>'task_id' = tasks.id
    )
""")


def enqueue(connection: Executes, task_id: str) -> None:
    """Have the task delivered once the connection's transaction is kept, and not at all if it is not."""
    connection.execute(_DEFER, {"queue": _QUEUE, "task": _TASK, "args": json.dumps({"task_id": task_id})})


def mend(connections: Connections, stale_s: float) -> None:
    """Deliver again what dead workers were handed, and waiting tasks whose delivery was lost.

    May run in any number of processes: a delivery too many finds its task taken and ends.
    """
    with connections.in_transaction() as connection:
        connection.execute(_HAND_ON, {"queue": _QUEUE, "stale_s": stale_s})
        for task_id in connection.scalars(_UNDELIVERED, {"queue": _QUEUE}):
            enqueue(connection, task_id)


class _Job(NamedTuple):
    id: int
    task_id: str
    first: QueueEntry | None  # in line, when the job was fetched


@dataclass(slots=True)
class PostgresTaskQueue:
    """Slots that take procrastinate's jobs by its own functions; jobs are only deliveries, the task row decides.

    A job says that something waits; what is taken for it is the task whose turn it is, until the job's own task has
    been taken by somebody. A job that a lost connection leaves with this process is handed on when its registration,
    which is replaced then, is stale; the tasks in hand go on. connections: on which each statement is kept by itself,
    without a wait for the disk: what a power cut undoes of a job is delivered once more. listen gives a connection to
    hear of jobs by. first_in_line: a query of the id and the key of the task whose turn it is, asked with each job.
    signals: by which this process's own tasks come without a job where a slot is free and nothing waits.
    """

    connections: Connections
    listen: Callable[[], psycopg.Connection]
    database: Database
    settings: QueueSettings
    on_error: Callable[[BaseException], None]
    choose: Callable[[Sequence[QueueEntry]], QueueEntry]
    first_in_line: str
    signals: LocalSignals
    monotonic: Clock = time.monotonic
    _stopped: Event = field(default_factory=Event)
    _new: Event = field(default_factory=Event)
    _asking: Lock = field(default_factory=Lock)
    _lock: Lock = field(default_factory=Lock)
    _fetch: TextClause = field(init=False)
    _free: Semaphore = field(init=False)  # one for each slot: of who asks for a job, works on one, or has a place
    _worker: int | None = None
    _expected: float = math.inf  # jobs that may wait: those told of and not fetched yet; inf: look until there is none

    def __post_init__(self) -> None:
        """Put the question together."""
        self._fetch = text(_FETCH.format(first_in_line=self.first_in_line))

    def run(self, handle: Callable[[str], bool], *, concurrency: int, spare: int = 0) -> None:
        """Call `handle(task_id)` in up to `concurrency` threads, and `spare` more, until `stop`."""
        shares = TenantSlots(concurrency, self.monotonic, spare)
        turns = FairScheduler(self.database, handle, shares, self.choose, self._stopped)
        listener = ChannelListener(self.listen, _CHANNEL, self.on_error, self._look, self._tell)
        slots = concurrency + spare
        self._free = Semaphore(slots)
        listener.start()
        with (
            ThreadPoolExecutor(slots, thread_name_prefix="task") as threads,
            ThreadPoolExecutor(slots, thread_name_prefix="own task") as own_threads,
        ):
            places = SharedPlaces(turns, self._free, own_threads.submit, self.on_error)
            for _ in range(slots):
                threads.submit(self._serve, turns)
            with self.signals.served_by(places):
                while not self._stopped.wait(self.settings.heartbeat_s):
                    self._show_life()
            while places.is_kept:  # no long wait
                time.sleep(_PLACED_S)
        listener.stop()
        self._unregister()

    def free(self, task_id: str) -> None:
        """Slots are free at the end of their job: what is recorded meanwhile is waited for by the job itself."""
        del task_id

    def stop(self) -> None:
        """Deliver nothing more."""
        self._stopped.set()
        self._new.set()

    def _serve(self, turns: FairScheduler) -> None:
        """One slot: a job at a time, until told to stop."""
        while not self._stopped.is_set():
            with self._asking:  # by one at a time: whoever gets a job leaves the question to the next
                job = self._next()
            if job is None:
                continue
            try:
                self._do(job, turns)
            finally:
                self._free.release()

    def _next(self) -> _Job | None:
        """The next job, waited for, and with it a slot; None once stopped, or after a failure."""
        while not self._stopped.is_set():
            with self._lock:
                is_told = self._expected > 0
            if not is_told:
                is_told = self._new.wait(_POLL_S)
            if not self._free.acquire(timeout=_POLL_S):  # this process's own tasks have the slots
                continue
            self._new.clear()
            try:
                job = self._fetched()
            except Exception as failure:  # noqa: BLE001 - a database that is briefly away must not end the worker
                self._free.release()
                self._lose(failure)
                self._stopped.wait(_PAUSE_S)
                return None
            if job is None:
                self._free.release()
            with self._lock:
                if job is None:
                    self._expected = 0
                else:  # one that nobody told of may have others behind it
                    self._expected = max(0, self._expected - 1) if is_told else math.inf
            if job is not None:
                return job
        return None

    def _do(self, job: _Job, turns: FairScheduler) -> None:
        end = _FINISH
        try:
            turns.deliver(job.task_id, job.first)
        except Exception as failure:  # noqa: BLE001 - it is told, and the job comes again
            self.on_error(failure)
            end = _RETRY
        try:
            with self.connections.autocommit() as connection:
                connection.execute(end, {"job": job.id})
        except psycopg.errors.RaiseException:
            # Another worker was given the job meanwhile, and has ended it: its attempt tells of the lost fence.
            pass
        except Exception as failure:  # noqa: BLE001 - as above
            self._lose(failure)

    def _fetched(self) -> _Job | None:
        with self.connections.autocommit() as connection:
            found = connection.execute(self._fetch, {"queue": _QUEUE, "worker": self._registered(connection)}).first()
        if found is None:
            return None
        return _Job(found[0], found[1], None if found[2] is None else QueueEntry(found[2], found[3]))

    def _registered(self, connection: Connection) -> int:
        with self._lock:
            if self._worker is None:
                connection.execute(_PRUNE, {"seconds": _FORGET_WORKERS_AFTER * self.settings.stale_s})
                self._worker = int(connection.scalar(_REGISTER, {}))
            return self._worker

    def _show_life(self) -> None:
        try:
            with self.connections.autocommit() as connection:
                worker = self._registered(connection)
                found = connection.execute(_BEAT, {"worker": worker}).first()
                if found is None or not found[1]:  # somebody took this process for dead, and forgot it
                    self._forget(worker)
        except Exception as failure:  # noqa: BLE001 - as above
            self._lose(failure)

    def _unregister(self) -> None:
        if self._worker is None:
            return
        try:
            with self.connections.autocommit() as connection:
                connection.execute(_UNREGISTER, {"worker": self._worker})
        except Exception as failure:  # noqa: BLE001 - its row is stale soon
            self.on_error(failure)

    def _lose(self, failure: BaseException) -> None:
        """Jobs may be this process's that it knows nothing of: those of its registration are handed on in a while."""
        self.on_error(failure)
        self._forget(self._worker)

    def _forget(self, worker: int | None) -> None:
        with self._lock:
            if self._worker == worker:
                self._worker = None

    def _look(self) -> None:
        with self._lock:
            self._expected = math.inf
        self._new.set()

    def _tell(self, payload: str) -> None:
        del payload  # whichever job it is
        with self._lock:
            self._expected += 1
        self._new.set()
