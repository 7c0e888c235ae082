"""Connections written byte by byte, as no decent client would."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.support.server import API, Server


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    """A plain connection to the server."""
    parts = urlsplit(server.base)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        yield connection


def post_head(server: Server, *lines: str, key: str | None = None) -> bytes:
    """The head of a create request with these lines more."""
    head = [f"POST {API} HTTP/1.1", "Host: test", f"X-API-KEY: {server.key if key is None else key}", *lines]
    return "\r\n".join([*head, "", ""]).encode()


def healthy(connection: socket.socket) -> bool:
    """Whether a health check over this connection is answered as it should be, however the answer is cut in reads."""
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        piece = connection.recv(65536)
        if not piece:
            return False
        answer += piece
    return answer.startswith(b"HTTP/1.1 200")


def is_closed(connection: socket.socket, within_s: float) -> bool:
    """Whether the other side hangs up within this time, whatever it says before."""
    deadline = time.monotonic() + within_s
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            if not connection.recv(65536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def is_closed_while_sending(connection: socket.socket, piece: bytes, every_s: float, within_s: float) -> bool:
    """Whether the other side hangs up within this time though pieces go on arriving."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            connection.sendall(piece)
        except OSError:
            return True
        with contextlib.suppress(TimeoutError):
            connection.settimeout(every_s)
            try:
                if not connection.recv(65536):
                    return True
            except ConnectionError:
                return True
    return False


def first_line(connection: socket.socket) -> str:
    """The status line of the answer."""
    with connection.makefile("rb") as answer:
        return answer.readline().decode().strip()


def is_cut_off(connection: socket.socket) -> bool:
    """Whether the other side has dropped the connection: seen without reading anything of what it sent."""
    try:
        for _ in range(50):
            with contextlib.suppress(BlockingIOError):
                connection.send(b"x")
            time.sleep(0.02)
    except OSError:
        return True
    return False
