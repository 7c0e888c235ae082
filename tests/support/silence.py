"""A way to a database that can fall silent: it cuts who is connected, and answers nobody who connects after that."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

from tests.support.forwarding import forward

_CHUNK_BYTES = 65536


@dataclass
class Silence:
    """port: where it listens on loopback."""

    target: tuple[str, int]
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _fallen: Event = field(default_factory=Event)
    _joined: list[socket.socket] = field(default_factory=list)
    _unanswered: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self.listener.getsockname()[1])

    def fall(self) -> None:
        """Cut every connection, and answer no other."""
        self._fallen.set()
        for end in self._joined:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def unanswered(self) -> list[socket.socket]:
        """Those that came since it fell, in their order, whether or not they were given up."""
        return list(self._unanswered)

    def close(self) -> None:
        """Leave nothing open."""
        for end in (self.listener, *self._joined, *self._unanswered):
            end.close()

    def accept(self) -> None:
        """Until the listener is shut down."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self._fallen.is_set():
                    self._unanswered.append(client)
                else:
                    server = socket.create_connection(self.target)
                    self._joined += [client, server]
                    for ends in ((client, server), (server, client)):
                        Thread(target=forward, args=ends, daemon=True).start()


def is_given_up(client: socket.socket) -> bool:
    """Whether the other end has closed it."""
    with suppress(BlockingIOError):
        while client.recv(_CHUNK_BYTES, socket.MSG_DONTWAIT):
            pass
        return True
    return False


@contextmanager
def silence(target: tuple[str, int]) -> Iterator[Silence]:
    """Hands connections on to the target, byte for byte, until it falls."""
    way = Silence(target)
    thread = Thread(target=way.accept, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        way.fall()
        way.listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        way.close()
