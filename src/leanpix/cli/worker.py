"""`leanpix worker`: take tasks from the shared database, without an API."""

from __future__ import annotations

import signal
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from leanpix.cli.options import USAGE_ERROR, DataDir, settings_or_exit, setup_or_exit, stores_or_exit, telemetry_or_exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from leanpix.bootstrap.stores import Stores
    from leanpix.telemetry.exposition import Exposition


def worker(
    workers: Annotated[int | None, typer.Option(min=1, help="Pictures at a time. Default: one a core.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Work on tasks until SIGTERM or SIGINT; then finish what runs, or hand it back when the grace is over."""
    from leanpix.bootstrap.allocator import keep_freed_memory
    from leanpix.bootstrap.descriptors import allow_open_files
    from leanpix.telemetry.logging import set_up_logging

    keep_freed_memory()
    settings = settings_or_exit(workers=workers, data_dir=data_dir)
    if settings.workers == 0:
        typer.echo("leanpix: LEANPIX_WORKERS=0 leaves a worker nothing to do", err=True)
        raise typer.Exit(USAGE_ERROR)
    set_up_logging(settings)
    with setup_or_exit():
        allow_open_files(settings.workers)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    stores = stores_or_exit(settings, works=True)
    try:
        with setup_or_exit():
            _work(stores, stop)
    finally:
        stores.close()


def _work(stores: Stores, stop: Event) -> None:
    from leanpix.bootstrap.companions import make_companions
    from leanpix.bootstrap.pools import make_pool
    from leanpix.bootstrap.workers import make_worker
    from leanpix.telemetry.logging import announce, log_missing_layers
    from leanpix.worker.kernels import engine_folder, kernels_in_words

    pool = make_pool(stores.settings)
    telemetry = telemetry_or_exit(stores, pool)
    taking, companions = make_worker(stores, pool, telemetry), make_companions(stores, telemetry)
    _serve_figures(stores, telemetry.exposition, taking.is_alive)
    taking.start()
    log_missing_layers(pool.status())
    for companion in companions:
        companion.start()
    workers, kernels = stores.settings.workers, kernels_in_words(engine_folder())
    told = f"leanpix works on {workers} pictures at a time ({stores.place})"
    announce(told, "works on tasks", pictures_at_a_time=workers, place=stores.place)
    announce(f"leanpix compresses {kernels}", "compresses", kernels=kernels)
    stop.wait()
    for companion in companions:
        companion.stop()
    taking.stop()


def _serve_figures(stores: Stores, exposition: Exposition, is_alive: Callable[[], bool]) -> None:
    """A worker has no API to show its figures on: they get a port of their own where one is set."""
    port = stores.settings.metrics_port
    if port is None:
        return
    from leanpix.cli.listening import authority, listener_or_exit
    from leanpix.telemetry.exposition import serve_figures
    from leanpix.telemetry.logging import announce

    host = stores.settings.host
    listener = listener_or_exit(host, port, "LEANPIX_METRICS_PORT")
    serve_figures(exposition, is_alive, listener)
    address = f"http://{authority(host, listener.getsockname()[1])}/metrics"
    announce(f"leanpix shows figures on {address}", "shows figures", address=address)
