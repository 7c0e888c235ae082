"""Real servers on loopback that say exactly what a test tells them to, and a listener nobody may ever reach."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import pytest

from leanpix.fetching.fetcher import SafeFetcher
from leanpix.fetching.guard import IPAddress
from leanpix.fetching.settings import FetchSettings
from leanpix.fetching.stream import dial

PICTURE = bytes(range(256)) * 8


class Conversation:
    """The server's side of one connection."""

    def __init__(self, connection: socket.socket, stopped: threading.Event) -> None:
        self._connection, self._stopped = connection, stopped

    def send(self, data: bytes) -> bool:
        """Whether the peer still takes bytes."""
        try:
            self._connection.sendall(data)
        except OSError:
            return False
        return not self._stopped.is_set()

    def stay_silent(self) -> None:
        """Keep the connection open until the peer or the test is gone."""
        self._connection.settimeout(0.05)
        while not self._stopped.is_set():
            try:
                if not self._connection.recv(1024):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def pause(self, seconds: float) -> None:
        self._stopped.wait(seconds)


Script = Callable[[Conversation], object] | bytes


class Origin:
    """A scripted HTTP server on a loopback port; keeps the requests it saw."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self._scripts: dict[str, Script] = {"/ok": answer(PICTURE)}
        self._context = context
        self.requests: list[bytes] = []
        self.connections = 0
        self.last_peer = 0
        self._counted = threading.Semaphore(0)
        self._stopped = threading.Event()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def route(self, path: str, script: Script) -> None:
        self._scripts[path] = script

    def visitors(self) -> int:
        """Connections so far, those still in the kernel's queue included: one of our own comes in behind them."""
        address = self._listener.getsockname()[:2]
        with socket.create_connection(address, 5) as last:
            before = self.connections
            while self._counted.acquire(timeout=5):
                if self.last_peer == last.getsockname()[1]:
                    return self.connections - 1
        raise AssertionError(f"the canary itself is dead after {before} connections")

    def close(self) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, peer = self._listener.accept()
                self.last_peer = peer[1]
            except OSError:
                return
            self.connections += 1
            self._counted.release()
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(5)
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        request += self._rest_of_body(connection, request)
        self.requests.append(request)
        script = self._scripts[request.split(b" ", 2)[1].decode()]
        conversation = Conversation(connection, self._stopped)
        if isinstance(script, bytes):
            conversation.send(script)
        else:
            script(conversation)

    @staticmethod
    def _rest_of_body(connection: socket.socket, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        rest = b""
        while lengths and len(body) + len(rest) < lengths[0]:
            rest += connection.recv(65536)
        return rest


def answer(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """A whole answer with its length."""
    return head(f"Content-Length: {len(body)}", *fields, status=status) + body


def head(*fields: str, status: str = "200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *fields, "")).encode()


class Resolver:
    """A name server that answers from a table and remembers what it was asked."""

    def __init__(self, table: dict[str, Sequence[str]]) -> None:
        self.table, self.asked = table, list[str]()
        self.everything_else: Sequence[str] | None = None

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self.table.get(host, self.everything_else)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return answers


class Dialer:
    """Remembers every address that was to be dialled, and lets none but loopback really be."""

    def __init__(self) -> None:
        self.dialled = list[str]()

    def __call__(self, address: IPAddress, port: int, timeout_s: float) -> socket.socket:
        self.dialled.append(str(address))
        if not address.is_loopback:
            raise ConnectionRefusedError(f"tests do not leave this machine for {address}")
        return dial(address, port, timeout_s)


class Lab:
    """Makes fetchers that may reach the given servers, with limits small enough for tests."""

    def __init__(self) -> None:
        self.resolver = Resolver({"srv.good.net": ["127.0.0.1"]})

    def settings(self, *ports: int, nets: Sequence[str] = ("127.0.0.0/8",), **limits: Any) -> FetchSettings:
        small = {
            "fetch_timeout_s": 3.0,
            "fetch_dns_timeout_s": 0.4,
            "fetch_connect_timeout_s": 1.0,
            "fetch_first_byte_timeout_s": 0.4,
            "fetch_idle_timeout_s": 0.4,
            "fetch_rate_grace_s": 0.4,
        }
        return FetchSettings(
            fetch_ports=ports or (80, 443),
            fetch_allow_nets=tuple(ip_network(net) for net in nets),
            **{**small, **limits},
        )

    def fetcher(self, *ports: int, **limits: Any) -> SafeFetcher:
        """One that may reach loopback."""
        return SafeFetcher(self.settings(*ports, **limits), resolver=self.resolver)


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def dialer() -> Dialer:
    return Dialer()


@pytest.fixture
def origin() -> Iterator[Origin]:
    server = Origin()
    yield server
    server.close()


@pytest.fixture
def canary() -> Iterator[Origin]:
    """A server on both loopback addresses that must see no connection at all; this fixture checks it."""
    servers = [Origin()]
    with suppress(OSError):  # a machine without IPv6 has no second door
        servers.append(Origin("::1", servers[0].port))
    yield servers[0]
    visitors = [server.visitors() for server in servers]
    for server in servers:
        server.close()
    assert visitors == [0] * len(servers), "the canary was reached"
