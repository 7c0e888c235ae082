"""The HTTP application of a process, over its stores."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

from starlette.applications import Starlette

from leanpix.bootstrap.descriptors import most_connections
from leanpix.bootstrap.readiness import NodeReadiness
from leanpix.bootstrap.stores import Stores
from leanpix.bootstrap.telemetry import Telemetry
from leanpix.bootstrap.use_cases import (
    make_batch_desk,
    make_cancel,
    make_cpu_budget,
    make_query,
    make_rendering,
    make_webhooks,
    queue_bounds,
)
from leanpix.domain.errors import StoreUnavailableError
from leanpix.service.keys import Keyring
from leanpix.service.observing import untraced
from leanpix.service.submit import Submit
from leanpix.service.usage import MonthCounts, Usage
from leanpix.stores.files.exporter import S3ResultExporter
from leanpix.telemetry.logging import OUTAGES, log_failure
from leanpix.telemetry.outages import FILES
from leanpix.web.app import make_app
from leanpix.web.context import Context
from leanpix.web.key_queue import KeyQueue
from leanpix.web.reading import Readers
from leanpix.web.request_shares import RequestShares
from leanpix.web.unpacking import Unpacking
from leanpix.worker.children.pool import CompressorPool

_API_THREADS = 16
# A look-up in SQLite takes 0.1 ms of the interpreter's one lock: more threads would only hand that to and fro.
# PostgreSQL is waited for.
_LOOK_UP_THREADS, _SHARED_LOOK_UP_THREADS = 1, 16


def make_api(
    stores: Stores, pool: CompressorPool | None, telemetry: Telemetry, draining: Event, drained: Event
) -> Starlette:
    """The HTTP application over these stores; pool None where this process has no workers.

    draining is set when it is about to end, drained once this process's workers have stopped for good: nobody waits for
    them any longer.
    """
    settings, rows = stores.settings, stores.rows
    if rows.listener is not None:
        rows.listener.start()
    carried = untraced if telemetry.tracing is None else telemetry.tracing.carried
    context = Context(
        settings=settings,
        keyring=Keyring(rows.database, stores.hasher, time.monotonic),
        submit=Submit(
            rows.database,
            rows.rates,
            stores.blobs,
            rows.signals,
            queue_bounds(settings),
            time.time,
            carried,
            cpu=make_cpu_budget(stores),
            held=stores.held,
            claimed=stores.claimed,
            row_source_bytes=partial(_row_source_bytes, stores),
        ),
        cancel=make_cancel(stores, telemetry),
        spool=stores.spool,
        query=make_query(stores),
        admin=stores.admin,
        usage=Usage(rows.database, time.time),
        month_counts=MonthCounts(rows.database, time.time),
        webhooks=make_webhooks(stores),
        batches=make_batch_desk(stores),
        rendering=make_rendering(stores),
        links=stores.links,
        exporter=S3ResultExporter(settings.tinify_store_endpoints),
        blobs=stores.blobs,
        recent=stores.recent,
        ends=rows.local,
        readiness=NodeReadiness(stores, pool, draining.is_set),
        calls=ThreadPoolExecutor(_API_THREADS, thread_name_prefix="call"),
        look_ups=ThreadPoolExecutor(
            _SHARED_LOOK_UP_THREADS if stores.is_shared else _LOOK_UP_THREADS, thread_name_prefix="look-up"
        ),
        turns=KeyQueue(settings.rate_patience_s),
        shares=RequestShares(most_connections(settings)),
        unpacking=Unpacking(),
        readers=Readers(settings.readers, settings.readers_per_result),
        drained=drained,
        figures=telemetry.exposition,
        observe=telemetry.served,
        failed=partial(_note_outage, stores),
        trace=None if telemetry.tracing is None else telemetry.tracing.request,
    )
    return make_app(context)


def _row_source_bytes(stores: Stores) -> int:
    """Of a shared database; none while results could not be kept, as far as is known: then the store is asked."""
    has_store = FILES not in OUTAGES.away and (stores.pairing is None or stores.pairing.may_work)
    return stores.settings.most_row_bytes if stores.is_shared and has_store else 0


def _note_outage(stores: Stores, failure: StoreUnavailableError) -> None:
    """What a request found is known to the node from then on, not first when a thread of its own meets it.

    A refusal of the node itself has no cause, and a disk of one's own that is full has lines of its own.
    """
    if stores.is_shared and failure.__cause__ is not None:
        log_failure(failure)
