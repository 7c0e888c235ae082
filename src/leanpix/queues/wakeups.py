"""Waking waiters across machines by LISTEN/NOTIFY. A lost notification only costs the wait until the next poll."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import psycopg
from sqlalchemy import text

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.task import Task
from leanpix.queues.connections import Connections
from leanpix.queues.signals import LocalSignals

_CHANNEL = "leanpix_ended"
# The id by itself is for nodes that run an older version, or a task that does not fit into PostgreSQL's 8,000 bytes.
_NOTIFY = text("SELECT pg_notify(:channel, :task), pg_notify(:channel, :task_id)")
_NOTIFY_ID = text("SELECT pg_notify(:channel, :task_id)")
_MOST_BYTES = 7999
_LOOK_UP_S = 1.0  # how late a stop may be noticed
_PAUSE_S = 0.5


class PostgresSignals:
    """Tells every process that listens. Work needs no signal here: procrastinate sends its own.

    It is sent by itself: in the transaction of the task's end the notification would hold PostgreSQL's one
    lock of all notifications while the commit waits for the disk.
    """

    def __init__(
        self,
        connections: Connections,
        local: LocalSignals,
        on_error: Callable[[BaseException], None],
        announced: Callable[[Task], str],
    ) -> None:
        self._connections, self._local, self._on_error, self._announced = connections, local, on_error, announced

    def task_ended(self, task_id: str, task: Task | None = None) -> None:
        """Wake those who wait for this task, in this process and in others."""
        self._local.task_ended(task_id, task)
        told = "" if task is None else self._announced(task)
        is_told = 0 < len(told.encode()) <= _MOST_BYTES
        values = {"channel": _CHANNEL, "task_id": task_id} | ({"task": told} if is_told else {})
        try:
            with self._connections.autocommit() as connection:
                connection.execute(_NOTIFY if is_told else _NOTIFY_ID, values)
        except (StoreUnavailableError, psycopg.Error) as failure:
            self._on_error(failure)

    def work_added(self) -> None:
        """Nothing: the job's own notification wakes a worker."""

    def address_added(self) -> None:
        """Wake those who fetch in this process; others look by themselves, several times a second."""
        self._local.address_added()


class EndListener:
    """A thread that hears of ended tasks and wakes this process's waiters.

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
        self._connect, self._local, self._on_error, self._heard = connect, local, on_error, heard
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(2 * _LOOK_UP_S)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
            except psycopg.Error as failure:
                self._on_error(failure)
                self._stopped.wait(_PAUSE_S)

    def _listen(self) -> None:
        with self._connect() as connection:
            connection.execute(f"LISTEN {_CHANNEL}")
            self._local.wake_all()  # for what ended while nobody listened
            while not self._stopped.is_set():
                for notification in connection.notifies(timeout=_LOOK_UP_S):
                    self._tell(notification.payload)

    def _tell(self, payload: str) -> None:
        if not payload.startswith("{"):
            self._local.task_ended(payload)
        elif (task := self._heard(payload)) is not None:
            self._local.task_ended(task.id, task)
