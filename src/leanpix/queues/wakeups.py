"""Waking waiters across machines by LISTEN/NOTIFY. A lost notification only costs the wait until the next poll."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from sqlalchemy import text

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.task import QueueEntry, Task
from leanpix.queues.connections import Connections, RunsBehind
from leanpix.queues.listener import ChannelListener
from leanpix.queues.signals import LocalSignals
from leanpix.service.ports import Answer, Place

_CHANNEL = "leanpix_ended"
# The id by itself is for nodes that run an older version, or a task that does not fit into PostgreSQL's 8,000 bytes.
_SAID = "pg_notify(:channel, :task), pg_notify(:channel, :task_id)"
_SAID_ID = "pg_notify(:channel, :task_id)"
_NOTIFY, _NOTIFY_ID = (text(f"SELECT {said}") for said in (_SAID, _SAID_ID))
# On a connection whose transactions wait for the disk.
_NOTIFY_BEHIND, _NOTIFY_ID_BEHIND = (
    text(f"SELECT set_config('synchronous_commit', 'off', true), {said}") for said in (_SAID, _SAID_ID)
)
_MOST_BYTES = 7999


class PostgresSignals:
    """Tells every process that listens. Work needs no signal here: procrastinate sends its own.

    It is a statement of its own, behind the transaction of the task's end: within it the notification would hold
    PostgreSQL's one lock of all notifications while the commit waits for the disk.
    """

    def __init__(
        self,
        connections: Connections,
        local: LocalSignals,
        on_error: Callable[[BaseException], None],
        announced: Callable[[Task], str],
    ) -> None:
        self._connections, self._local, self._on_error, self._announced = connections, local, on_error, announced

    def announce(self, connection: RunsBehind, task: Task) -> Answer:
        """Wake those who wait in other processes, in the trip in which the connection's transaction is kept."""
        values = self._values(task.id, task)
        return connection.execute_behind(_NOTIFY_BEHIND if "task" in values else _NOTIFY_ID_BEHIND, values)

    def task_ended(self, task_id: str, task: Task | None = None, *, is_announced: bool = False) -> None:
        """Wake those who wait for this task, in this process and in others."""
        self._local.task_ended(task_id, task)
        if is_announced:
            return
        values = self._values(task_id, task)
        try:
            with self._connections.autocommit() as connection:
                connection.execute(_NOTIFY if "task" in values else _NOTIFY_ID, values)
        except (StoreUnavailableError, psycopg.Error) as failure:
            self._on_error(failure)

    def _values(self, task_id: str, task: Task | None) -> dict[str, str]:
        told = "" if task is None else self._announced(task)
        is_told = 0 < len(told.encode()) <= _MOST_BYTES
        return {"channel": _CHANNEL, "task_id": task_id} | ({"task": told} if is_told else {})

    def place(self, entry: QueueEntry) -> Place | None:
        """A slot of this process, where it has one. Whether the task is the next in line the caller knows."""
        return self._local.place(entry)

    def work_added(self, entry: QueueEntry | None = None) -> None:
        """Nothing: the job's own notification wakes a worker."""
        del entry

    def address_added(self) -> None:
        """Wake those who fetch in this process; others look by themselves, several times a second."""
        self._local.address_added()


class EndListener:
    """Hears of ended tasks and wakes this process's waiters.

    connect gives a connection that keeps each statement by itself. heard understands what PostgresSignals was given to
    announce a task; None where it does not.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection],
        local: LocalSignals,
        on_error: Callable[[BaseException], None],
        heard: Callable[[str], Task | None],
    ) -> None:
        self._local, self._heard = local, heard
        self._listener = ChannelListener(connect, _CHANNEL, on_error, local.wake_all, self._tell)

    def start(self) -> None:
        """Begin to listen."""
        self._listener.start()

    def stop(self) -> None:
        """Listen no more."""
        self._listener.stop()

    def _tell(self, payload: str) -> None:
        if not payload.startswith("{"):
            self._local.task_ended(payload)
        elif (task := self._heard(payload)) is not None:
            self._local.task_ended(task.id, task)
