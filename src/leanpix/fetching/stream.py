"""One TCP or TLS connection to an address that was checked, every wait of it bounded."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from leanpix.domain.errors import SetupError
from leanpix.fetching.deadline import Deadline
from leanpix.fetching.guard import IPAddress
from leanpix.fetching.refusal import FetchError, FetchRefusal
from leanpix.fetching.url import Target

Dialer = Callable[[IPAddress, int, float], socket.socket]
# A name with many addresses gets no more connections than this out of us.
_MAX_ADDRESSES_TRIED = 4


def dial(address: IPAddress, port: int, timeout_s: float) -> socket.socket:
    """Connect to exactly this address: no name, no proxy. Raises OSError."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect((str(address), port))
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later, certificate and host name verified against the given authorities or the system's.

    One for all: the system's authorities take 1 MB and 30 ms of a processor. SetupError where the given ones cannot be
    read.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as failure:
        why = "it has no certificate (PEM)" if isinstance(failure, ssl.SSLError) else failure.strerror
        raise SetupError(f"LEANPIX_FETCH_CA_FILE={str(ca_file)!r} cannot be used: {why}") from failure
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Stream:
    """A connected socket whose reads and writes end at a deadline."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, data: bytes, deadline: Deadline) -> None:
        """Write everything. Raises FetchError."""
        view = memoryview(data)
        while view:
            with _failures_named(deadline):
                self._connection.settimeout(deadline.remaining_s())
                view = view[self._connection.send(view) :]

    def receive(self, max_bytes: int, deadline: Deadline) -> bytes:
        """Read what has arrived, b"" at the end of the stream. Raises FetchError."""
        with _failures_named(deadline):
            self._connection.settimeout(deadline.remaining_s())
            return self._connection.recv(max_bytes)

    def close(self) -> None:
        """Drop the connection without waiting for the peer."""
        self._connection.close()


class Connector:
    """Opens streams to checked addresses."""

    def __init__(self, context: Callable[[], ssl.SSLContext], connect_timeout_s: float, dialer: Dialer = dial) -> None:
        self._context, self._connect_timeout_s, self._dialer = context, connect_timeout_s, dialer

    def open(self, target: Target, addresses: Sequence[IPAddress], deadline: Deadline) -> Stream:
        """A stream to the first of the addresses that answers. Raises FetchError."""
        failure = FetchError(FetchRefusal.SOURCE_UNREACHABLE, "no address")
        for address in addresses[:_MAX_ADDRESSES_TRIED]:
            deadline.remaining_s()
            try:
                return self._open_one(target, address, deadline.within(self._connect_timeout_s, "a connection"))
            except FetchError as error:
                if error.reason is FetchRefusal.ADDRESS_FORBIDDEN:
                    raise
                failure = error
        raise failure

    def _open_one(self, target: Target, address: IPAddress, deadline: Deadline) -> Stream:
        with _failures_named(deadline):
            connection = self._dialer(address, target.port, deadline.remaining_s())
        try:
            with _failures_named(deadline):
                _confirm_peer(connection, address)
            if target.scheme == "https":
                connection = self._secure(connection, target.host, deadline)
        except BaseException:
            connection.close()
            raise
        return Stream(connection)

    def _secure(self, connection: socket.socket, host: str, deadline: Deadline) -> ssl.SSLSocket:
        with _failures_named(deadline):
            connection.settimeout(deadline.remaining_s())
            # Ragged ends are errors: without a length, an end that TLS did not sign may be anybody's cut.
            return self._context().wrap_socket(connection, server_hostname=host, suppress_ragged_eofs=False)


def _confirm_peer(connection: socket.socket, address: IPAddress) -> None:
    """Something below us (a proxying preload, a rewritten dialler) may have connected elsewhere."""
    peer = ip_address(connection.getpeername()[0])
    if peer != address:
        raise FetchError(FetchRefusal.ADDRESS_FORBIDDEN, f"connected to {peer} in place of {address}")


@contextmanager
def _failures_named(deadline: Deadline) -> Iterator[None]:
    """The socket's errors as ours."""
    try:
        yield
    except TimeoutError as error:
        raise deadline.expired() from error
    except ssl.SSLCertVerificationError as error:
        raise FetchError(FetchRefusal.SOURCE_UNTRUSTED, error.verify_message) from error
    except ssl.SSLEOFError as error:
        raise FetchError(FetchRefusal.SOURCE_INVALID, "the TLS stream was cut") from error
    except OSError as error:
        raise FetchError(FetchRefusal.SOURCE_UNREACHABLE, f"{type(error).__name__}: {error}") from error
