"""Hearing what is notified on a channel of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import psycopg
from psycopg import sql

_LOOK_UP_S = 1.0  # how late a stop may be noticed
_PAUSE_S = 0.5


class ChannelListener:
    """A thread that hears what is notified on one channel.

    connect gives a connection that keeps each statement by itself. begun is called each time that it listens, for what
    was said while nobody did; told is given each payload.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection],
        channel: str,
        on_error: Callable[[BaseException], None],
        begun: Callable[[], None],
        told: Callable[[str], None],
    ) -> None:
        self._connect, self._channel, self._on_error, self._begun, self._told = connect, channel, on_error, begun, told
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
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            self._begun()
            while not self._stopped.is_set():
                for notification in connection.notifies(timeout=_LOOK_UP_S):
                    self._told(notification.payload)
