"""Delivery to many machines: procrastinate jobs that carry a task's id, written with the task in one transaction."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import LiteralString

import procrastinate
import psycopg
from procrastinate import PsycopgConnector, RetryStrategy
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import text

from leanpix.domain.task import QueueEntry
from leanpix.queues.connections import Connections, Executes
from leanpix.queues.fair_scheduler import FairScheduler
from leanpix.queues.settings import QueueSettings
from leanpix.queues.tenant_slots import TenantSlots
from leanpix.service.ports import Clock, Database

_QUEUE = "leanpix"
_TASK = "leanpix.execute"
_POLL_S = 1.0
_RETRY_S = 1
_PAUSE_S = 0.5
_ABORT_AFTER_S = 1.0
_CONNECTIONS = 2  # beside the one that listens
_IDLE_S = 60.0
_FORGET_WORKERS_AFTER = 20  # times the stale time: a row in the way of nobody

# What a connection is told that need not wait for the disk: what a power cut undoes of a job is delivered once more.
UNHURRIED: Mapping[str, object] = {"options": "-c synchronous_commit=off"}

# The library's own function: what its `defer` calls, over the transaction's own connection.
_DEFER = text("""
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        ROW(:queue, :task, 0, NULL, NULL, CAST(:args AS jsonb), NULL)::procrastinate_job_to_defer_v1
    ])
""")
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


@dataclass(slots=True)
class PostgresTaskQueue:
    """A procrastinate worker in a thread of its own event loop; its jobs are only deliveries, the task row decides.

    A job says that something waits; what is taken for it is the task whose turn it is, until the job's own task has
    been taken by somebody. A database that goes away ends that worker, not this: it starts again until the database
    is back, while the tasks in hand go on.
    """

    url: str
    connection_class: type[psycopg.AsyncConnection]
    database: Database
    settings: QueueSettings
    on_error: Callable[[BaseException], None]
    choose: Callable[[Sequence[QueueEntry]], QueueEntry]
    monotonic: Clock = time.monotonic
    listen_url: str | None = None
    connect_options: Mapping[str, object] = field(default_factory=lambda: dict(UNHURRIED))
    _stopped: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _interrupt: Callable[[], object] | None = None

    def run(self, handle: Callable[[str], bool], *, concurrency: int, spare: int = 0) -> None:
        """Call `handle(task_id)` in up to `concurrency` threads, and `spare` more, until `stop`."""
        deliver = self._in_turns(handle, concurrency, spare)
        concurrency += spare
        with ThreadPoolExecutor(concurrency, thread_name_prefix="task") as threads:
            while not self._stopped.is_set():
                try:
                    asyncio.run(self._until_interrupted(deliver, concurrency, threads))
                except Exception as failure:  # noqa: BLE001 - a database that is briefly away must not end the worker
                    self.on_error(failure)
                self._stopped.wait(_PAUSE_S)

    def free(self, task_id: str) -> None:
        """Slots are free at the end of their job: what is recorded meanwhile is waited for by the job itself."""
        del task_id

    def stop(self) -> None:
        """Deliver nothing more."""
        self._stopped.set()
        with self._lock:
            if self._interrupt is not None:
                self._interrupt()

    async def _until_interrupted(
        self, handle: Callable[[str], None], concurrency: int, threads: ThreadPoolExecutor
    ) -> None:
        loop = asyncio.get_running_loop()
        work = asyncio.create_task(self._deliver(handle, concurrency, threads))
        with self._lock:
            self._interrupt = lambda: loop.call_soon_threadsafe(work.cancel)
        if self._stopped.is_set():
            work.cancel()
        try:
            await asyncio.wait([work])
        finally:
            with self._lock:
                self._interrupt = None
        if not work.cancelled():
            work.result()

    async def _deliver(self, handle: Callable[[str], None], concurrency: int, threads: ThreadPoolExecutor) -> None:
        app = procrastinate.App(connector=_Connector(self._listening()))

        @app.task(name=_TASK, queue=_QUEUE, retry=RetryStrategy(wait=_RETRY_S))
        async def execute(task_id: str) -> None:
            await asyncio.get_running_loop().run_in_executor(threads, handle, task_id)

        async with self._connections() as connections, app.open_async(connections):
            await app.run_worker_async(
                queues=[_QUEUE],
                concurrency=concurrency,
                fetch_job_polling_interval=_POLL_S,
                update_heartbeat_interval=self.settings.heartbeat_s,
                stalled_worker_timeout=_FORGET_WORKERS_AFTER * self.settings.stale_s,
                # Past this only the wait is given up: the thread that has the task in hand goes on to its end.
                shutdown_graceful_timeout=_ABORT_AFTER_S,
                delete_jobs="always",
                install_signal_handlers=False,
            )

    def _connections(self) -> AsyncConnectionPool:
        """Connections that ask for no proof of life, open no transactions and do not wait for the disk.

        One that is lost ends the worker inside, and the next one makes its own; what a power cut undoes of a job is
        delivered once more.
        """
        return AsyncConnectionPool(
            self.url, connection_class=self.connection_class, kwargs=dict(self.connect_options),
            configure=_without_transactions, min_size=1, max_size=_CONNECTIONS, max_idle=_IDLE_S, open=False,
        )  # fmt: skip

    def _listening(self) -> AsyncConnectionPool | None:
        """Whose address is listened at; no connection of it is ever opened by itself."""
        if self.listen_url is None:
            return None
        return AsyncConnectionPool(
            self.listen_url, connection_class=self.connection_class, min_size=0, max_size=1, open=False
        )

    def _in_turns(self, handle: Callable[[str], bool], slots: int, spare: int) -> Callable[[str], None]:
        shares = TenantSlots(slots, self.monotonic, spare)
        turns = FairScheduler(self.database, handle, shares, self.choose, self._stopped)

        def deliver(task_id: str) -> None:
            try:
                turns.deliver(task_id)
            except Exception as failure:
                self.on_error(failure)
                raise

        return deliver


class _Connector(PsycopgConnector):
    """The library's own, but for two things.

    It listens at the pool's address that is given, if one is. And a job that another worker was given and has ended
    meanwhile is no failure: this worker was silent for too long, and its attempt tells that its fence is lost.
    """

    def __init__(self, listening: AsyncConnectionPool | None) -> None:
        super().__init__()
        self._listening = listening

    async def execute_query_async(self, query: LiteralString, **arguments: object) -> None:
        """Run a statement of the library's."""
        try:
            await super().execute_query_async(query, **arguments)
        except ConnectorException as failure:
            # What its functions raise by themselves is that there is no such job in such a state.
            if not isinstance(failure.__cause__, psycopg.errors.RaiseException):
                raise

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Tell what is notified, until cancelled."""
        if self._listening is None:
            await super().listen_notify(on_notification, channels)
            return
        elsewhere = PsycopgConnector()
        await elsewhere.open_async(self._listening)
        await elsewhere.listen_notify(on_notification, channels)


async def _without_transactions(connection: psycopg.AsyncConnection) -> None:
    await connection.set_autocommit(True)
