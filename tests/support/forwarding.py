"""Bytes from one socket to another, for ways to a server that tests put between."""

from __future__ import annotations

import socket
from contextlib import suppress

_CHUNK_BYTES = 65536


def forward(source: socket.socket, target: socket.socket) -> None:
    """Until either end closes; the end of what is sent is passed on too."""
    with suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
