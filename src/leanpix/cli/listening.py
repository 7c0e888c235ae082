"""The socket that a command answers on, or why there is none, in words."""

from __future__ import annotations

import errno
import socket

import typer

_BACKLOG = 2048
_FOR_ROOT = 1024
"""Ports below are for root, and for who is given CAP_NET_BIND_SERVICE."""


def listener_or_exit(host: str, port: int, port_setting: str) -> socket.socket:
    """A listening socket at an address of this machine, or a message on standard error and exit code 1.

    host may be a name, and an IPv6 address may have its brackets; port 0 takes a free one. port_setting: what another
    port is named by.
    """
    plain, at = _without_brackets(host), authority(host, port)
    try:
        # A name that stands for both kinds of address, such as localhost, means the one that everybody has.
        kinds = sorted(socket.getaddrinfo(plain, port, type=socket.SOCK_STREAM), key=lambda found: found[0])
        family, _, _, _, address = kinds[0]
    except (socket.gaierror, UnicodeError):
        raise _refused(at, _no_address_of_ours(plain)) from None
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as failure:
        listener.close()
        raise _refused(at, _why(failure, plain, port, port_setting)) from failure
    return listener


def authority(host: str, port: int) -> str:
    """Host and port as URLs have them: an IPv6 address in brackets."""
    plain = _without_brackets(host)
    try:
        socket.inet_pton(socket.AF_INET6, plain.partition("%")[0])
    except (OSError, ValueError):
        return f"{host}:{port}"
    return f"[{plain}]:{port}"


def _without_brackets(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _why(failure: OSError, host: str, port: int, port_setting: str) -> str:
    if failure.errno == errno.EADDRINUSE:
        return f"another program does; choose another port by {port_setting}"
    if failure.errno == errno.EADDRNOTAVAIL:
        return _no_address_of_ours(host)
    if failure.errno == errno.EACCES and 0 < port < _FOR_ROOT:
        return f"ports below {_FOR_ROOT} are root's; choose another by {port_setting}, with a proxy in front"
    return failure.strerror or str(failure)


def _no_address_of_ours(host: str) -> str:
    return (
        f"{host!r} is no address of this machine, nor a name of one: 127.0.0.1 and ::1 are for this machine alone, "
        "0.0.0.0 and :: for every network"
    )


def _refused(at: str, why: str) -> typer.Exit:
    from leanpix.telemetry.logging import refuse

    refuse(f"cannot listen on {at}: {why}")
    return typer.Exit(1)
