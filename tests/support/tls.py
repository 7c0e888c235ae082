"""A TLS relay on loopback with a certificate authority of its own, for clients that speak https only."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import trustme

_CHUNK_BYTES = 65536
_START_S = 60.0


@dataclass(frozen=True)
class Relay:
    """Where it listens, and the file of the authority that its clients have to trust."""

    base: str
    ca_file: Path


@contextmanager
def tls_relay(
    target: str, folder: Path, port: int = 0, names: Sequence[str] = (), address: str = "127.0.0.1"
) -> Iterator[Relay]:
    """Hands connections on to the target, an http:// URL, byte for byte.

    port: where it listens, any free one for 0; names: of hosts that its certificate is good for beside the address;
    address: what the certificate says that is, so that it may be wrong.
    """
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(address, *names).configure_cert(context)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    listening: Future[tuple[int, Callable[[], object]]] = Future()
    thread = Thread(target=lambda: asyncio.run(_serve(target, context, port, listening)), daemon=True)
    thread.start()
    port, stop = listening.result(_START_S)
    try:
        yield Relay(f"https://127.0.0.1:{port}", ca_file)
    finally:
        stop()
        thread.join()


async def _serve(
    target: str, context: ssl.SSLContext, wished: int, listening: Future[tuple[int, Callable[[], object]]]
) -> None:
    parts, stopped, loop = urlsplit(target), asyncio.Event(), asyncio.get_running_loop()
    writers: set[asyncio.StreamWriter] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(parts.hostname, parts.port)
        writers.update((writer, back))
        await asyncio.gather(_copied(reader, back), _copied(there, writer))
        for ended in (writer, back):
            ended.transport.abort()
        writers.difference_update((writer, back))

    async with await asyncio.start_server(accept, "127.0.0.1", wished, ssl=context) as server:
        port = int(server.sockets[0].getsockname()[1])
        listening.set_result((port, lambda: loop.call_soon_threadsafe(stopped.set)))
        await stopped.wait()
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.1)  # for the ends of those connections


async def _copied(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(_CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
        target.close()
