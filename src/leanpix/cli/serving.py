"""A serving process: its socket, its application, its workers, and how it stops."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING

import typer
import uvicorn

from leanpix.bootstrap.allocator import keep_freed_memory, release_start_memory
from leanpix.bootstrap.api import make_api
from leanpix.bootstrap.companions import make_companions
from leanpix.bootstrap.descriptors import allow_open_files, most_connections
from leanpix.bootstrap.pools import make_pool
from leanpix.bootstrap.stores import Stores
from leanpix.bootstrap.workers import make_worker
from leanpix.cli.first_key import kept_or_shown
from leanpix.cli.listening import authority, listener_or_exit
from leanpix.cli.options import setup_or_exit, stores_or_exit, telemetry_or_exit
from leanpix.settings import Settings
from leanpix.telemetry.logging import announce, is_json, log_missing_layers, set_up_logging
from leanpix.web.protocol import guarded_protocol
from leanpix.worker.kernels import engine_folder, kernels_in_words

if TYPE_CHECKING:
    import socket

_KEEP_ALIVE_S = 75
_SHARED_DRAIN_S = 5.0
_INSISTED = 2  # signals
_TICK_S = 1.0  # answers carry the time in whole seconds
_ANSWERING_S = 3  # what the answers to interrupted waits take, beyond the workers' grace


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    keep_freed_memory()
    set_up_logging(settings)
    with setup_or_exit():
        allow_open_files(settings.workers)
    stores = stores_or_exit(settings, serves=True, works=True)
    # Before the key is made: it is shown once.
    listener = listener_or_exit(settings.host, settings.port, "--port or LEANPIX_PORT")
    _introduce(stores, listener.getsockname()[1])
    # uvicorn stops gracefully on these and then raises them again, for whoever handled them before: for us, nothing.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    try:
        with setup_or_exit():
            server = _server(stores)
            server.run(sockets=[listener])
    finally:
        stores.close()


def _server(stores: Stores) -> uvicorn.Server:
    settings = stores.settings
    pool = make_pool(settings) if settings.workers else None
    draining, drained = Event(), Event()
    telemetry = telemetry_or_exit(stores, pool)
    app = make_api(stores, pool, telemetry, draining, drained)
    worker = make_worker(stores, pool, telemetry) if pool is not None else None
    companions = make_companions(stores, telemetry)

    def begin() -> None:
        if worker is not None:
            worker.start()
            log_missing_layers(worker.pool.status())
        for companion in companions:
            companion.start()
        release_start_memory()

    def end() -> None:
        for companion in companions:
            companion.stop()

    async def drain() -> None:
        if worker is not None:
            await asyncio.to_thread(worker.stop)
        drained.set()

    return _DrainingServer(
        begin,
        draining.set,
        drain_seconds(settings),
        drain,
        end,
        uvicorn.Config(
            app,
            http=guarded_protocol(settings, most_connections(settings)),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_grace_s) + _ANSWERING_S,
        ),
    )


class _DrainingServer(uvicorn.Server):
    """Lets the workers finish, or hand back, while the connections that wait for them are still open.

    uvicorn by itself would first wait for the connections, with the workers taking ever new tasks meanwhile. And it
    would look ten times a second whether to end, half of what a process at rest does: this one is told.

    begin starts what works beside the server and may raise SetupError, which `run` passes on; drain and end stop it.
    Before that the server goes on for announced_s after announce was called: balancers are to look elsewhere by then. A
    second signal ends that at once.
    """

    def __init__(
        self,
        begin: Callable[[], None],
        announce: Callable[[], None],
        announced_s: float,
        drain: Callable[[], Coroutine[None, None, None]],
        end: Callable[[], None],
        config: uvicorn.Config,
    ) -> None:
        super().__init__(config)
        self._begin, self._announce, self._announced_s, self._drain, self._end = (
            begin,
            announce,
            announced_s,
            drain,
            end,
        )
        self._signals = 0
        self._tell: Callable[[], object] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, then accept connections."""
        self._begin()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        """Keep the time that answers carry, until told to end."""
        told, loop = asyncio.Event(), asyncio.get_running_loop()
        self._tell = partial(loop.call_soon_threadsafe, told.set)
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), _TICK_S)
        self._announce()
        over_at = loop.time() + self._announced_s
        while self._signals < _INSISTED and (left_s := over_at - loop.time()) > 0:
            told.clear()
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), min(left_s, _TICK_S))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End: a signal has come."""
        self._signals += 1
        super().handle_exit(sig, frame)
        self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, drain, and end."""
        draining = asyncio.create_task(self._drain())
        await super().shutdown(sockets)
        await draining
        self._end()


def drain_seconds(settings: Settings) -> float:
    """How long balancers get to notice that the node is about to end: no time where there are none by default."""
    if settings.drain_s is not None:
        return settings.drain_s
    return 0.0 if settings.database_url is None else _SHARED_DRAIN_S


def _introduce(stores: Stores, port: int) -> None:
    """Say where the service is and, on the very first start, the owner's key."""
    listening, public = f"http://{authority(stores.settings.host, port)}", stores.settings.public_url
    base = public or listening
    also = "" if public is None else f", as {public}"
    announce(
        f"leanpix serves on {listening}{also} ({stores.place})",
        "serves",
        address=listening,
        public_url=public,
        place=stores.place,
    )
    if stores.settings.workers:
        kernels = kernels_in_words(engine_folder())
        announce(f"leanpix compresses {kernels}", "compresses", kernels=kernels)
    # Nodes that share a database would each make one: there it is up to `leanpix migrate`.
    key = None if stores.is_shared else stores.admin.ensure_owner()
    if key is not None:
        written = kept_or_shown(stores, key)
        if is_json():
            return
        typer.echo(
            f"\nTry it:\n\n"
            f"  curl '{base}/api/tasks/visual/imgcompress' -H \"X-API-KEY: {written}\" \\\n"
            f"    -F 'sync=1' -F 'image_file=@photo.jpg'\n"
        )
