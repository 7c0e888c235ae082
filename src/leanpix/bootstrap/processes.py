"""The parts of a process, over its stores: the worker, the housekeeping, the HTTP application."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from starlette.applications import Starlette

from leanpix.bootstrap.readiness import NodeReadiness
from leanpix.bootstrap.stores import Stores
from leanpix.domain.errors import SetupError
from leanpix.domain.task import Task
from leanpix.fetching.fetcher import SafeFetcher
from leanpix.service.batch import BatchBounds, BatchDesk
from leanpix.service.budgets import CpuBudget
from leanpix.service.cancel import Cancel
from leanpix.service.deliver_webhook import DeliverWebhook
from leanpix.service.execute import Execute, unreviewed
from leanpix.service.fetch import Fetch
from leanpix.service.keys import Keyring
from leanpix.service.maintain import Reaper, Sweeper
from leanpix.service.observing import Ended, Served, untraced
from leanpix.service.ports import Review
from leanpix.service.progress import Progress
from leanpix.service.promote_batch_items import PromoteBatchItems
from leanpix.service.query import Query
from leanpix.service.result_cache import ResultCache
from leanpix.service.submit import QueueBounds, Submit
from leanpix.service.usage import MonthCounts, Usage
from leanpix.service.webhooks import Webhooks
from leanpix.settings import Settings
from leanpix.stores.files.exporter import S3ResultExporter
from leanpix.stores.sql.figures import queue_figures
from leanpix.telemetry.disk import DiskWatch
from leanpix.telemetry.exposition import Exposition
from leanpix.telemetry.journal import Journal
from leanpix.telemetry.logging import OUTAGES, log_admission, log_failure
from leanpix.telemetry.metrics import Metrics
from leanpix.telemetry.outages import DATABASE, FILES
from leanpix.web.app import make_app
from leanpix.web.context import Context
from leanpix.web.key_queue import KeyQueue
from leanpix.web.messages import Messages
from leanpix.web.reading import Readers
from leanpix.web.rendering import Rendering
from leanpix.web.unpacking import Unpacking
from leanpix.worker.batch_scheduler import BatchScheduler
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.engine_version import engine_version
from leanpix.worker.heartbeats import Heartbeats
from leanpix.worker.loop import Housekeeping, Worker
from leanpix.worker.pairing_watch import PairingWatch
from leanpix.worker.source_fetcher import FetchBounds, SourceFetcher
from leanpix.worker.webhook_dispatcher import WebhookDispatcher

if TYPE_CHECKING:
    from leanpix.telemetry.tracing import Tracing

_API_THREADS = 16
_LEASE_FACTOR = 2  # times the longest that a message may take
# A look-up in SQLite takes 0.1 ms of the interpreter's one lock: more threads would only hand that to and fro.
# PostgreSQL is waited for.
_LOOK_UP_THREADS, _SHARED_LOOK_UP_THREADS = 1, 16


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What this process tells of its work: figures, and who may read them; log lines."""

    metrics: Metrics
    exposition: Exposition
    journal: Journal
    tracing: Tracing | None = None

    def served(self, served: Served) -> None:
        """Count and log a request."""
        self.metrics.served(served)
        self.journal.served(served)
        if self.tracing is not None:
            self.tracing.served(served)

    def taken_over(self, task: Task) -> None:
        """Count and log a task that was handed on from a worker that is silent."""
        self.metrics.taken_over(task)
        self.journal.taken_over(task)

    def ended(self, ended: Ended) -> None:
        """Count and log a task's end."""
        self.metrics.ended(ended)
        self.journal.ended(ended)
        if self.tracing is not None:
            self.tracing.ended(ended)


def make_telemetry(stores: Stores, pool: CompressorPool | None) -> Telemetry:
    """The figures of a process over these stores; pool None where it has no workers. SetupError without the extra."""
    metrics = Metrics()
    stale_s = stores.settings.stale_s if stores.is_shared else None
    metrics.watch_queue(lambda: queue_figures(stores.database, time.time(), stale_s=stale_s))
    metrics.watch_store(stores.files_answer)
    metrics.watch_disk(stores.blobs.room)
    metrics.watch_spool(stores.spool_figures)
    if stores.rows.connections is not None:
        metrics.watch_connections(stores.rows.connections)
    if pool is not None:
        metrics.watch_deaths(lambda: pool.deaths)
    return Telemetry(metrics, Exposition(stores.settings, metrics.exposed), Journal(), _tracing(stores.settings))


def _tracing(settings: Settings) -> Tracing | None:
    if settings.otlp_endpoint is None:
        return None
    try:
        from leanpix.telemetry.tracing import Tracing  # noqa: PLC0415 - an extra, and a quarter of a second
    except ImportError as missing:
        raise SetupError(
            "LEANPIX_OTLP_ENDPOINT needs the extra leanpix[otel], which is not installed (docs/deployment.md, Extras)"
        ) from missing
    return Tracing(settings.otlp_endpoint, settings.trace_share)


class BackgroundService(Protocol):
    """Threads that run beside the workers."""

    def start(self) -> None:
        """Start them."""

    def stop(self) -> None:
        """End them."""


def make_worker(stores: Stores, pool: CompressorPool, telemetry: Telemetry) -> Worker:
    """A worker over these stores."""
    settings, stopping, pairing = stores.settings, Event(), stores.pairing
    common: Callable[[], dict[str, Any]] = partial(
        dict,
        database=stores.database,
        blobs=stores.worker_blobs or stores.blobs,
        signals=stores.rows.signals,
        progress=Progress(stores.database),
        owner=stores.owner,
        now=time.time,
        monotonic=time.monotonic,
        stopping=stopping,
        observe=telemetry.ended,
        on_lost=telemetry.journal.fence_lost,
        held=stores.held,
    )

    def worked(task_id: str) -> None:
        worker.free(task_id)  # made below

    execute = Execute(
        **common(),
        compressor=pool,
        timeout_s=settings.task_timeout_s,
        review=_review(stores),
        reuse=_reuse(stores),
        spent=make_cpu_budget(stores).spend,
        on_worked=worked,
    )
    waiting = tuple if stores.held is None else stores.held.waiting
    heartbeats = Heartbeats(stores.database, settings.heartbeat_s, log_failure, waiting=waiting)
    sources = SourceFetcher(
        database=stores.database,
        fetch=Fetch(**common(), fetcher=SafeFetcher(settings), links=stores.links, spool=stores.spool.fetched),
        bounds=FetchBounds(settings.fetchers, settings.fetch_per_key, settings.fetch_per_host),
        heartbeats=heartbeats,
        wake=stores.rows.local.addresses,
        on_error=log_failure,
        may_take=(lambda: True) if pairing is None else (lambda: pairing.may_work),
    )
    worker = Worker(
        make_deliveries=partial(stores.rows.make_deliveries, stores.owner),
        execute=execute,
        sources=sources,
        heartbeats=heartbeats,
        pool=pool,
        concurrency=settings.workers,
        spare=settings.spare,
        grace_s=settings.shutdown_grace_s,
        stopping=stopping,
        wait_until_allowed=(lambda _seconds: True) if pairing is None else pairing.wait,
    )
    if pairing is not None:
        pairing.on_change.append(lambda reason: None if reason is None else worker.pause())
    return worker


def make_cpu_budget(stores: Stores) -> CpuBudget:
    """What each key may take of the processors."""
    return CpuBudget(stores.rows.rates, stores.settings.cpu_s_per_minute)


def _reuse(stores: Stores) -> ResultCache | None:
    settings = stores.settings
    if settings.result_cache == "off":
        return None
    engine, is_shared = engine_version(settings.target_score), settings.result_cache == "all"
    return ResultCache(stores.database, stores.blobs, engine, is_shared, settings.retention_s, time.time)


def _review(stores: Stores) -> Review:
    if stores.settings.policy_url is None:
        return unreviewed
    from leanpix.fetching.review import HttpReview  # noqa: PLC0415 - its HTTP library takes a while

    return HttpReview(stores.settings, stores.links, log_failure, stores.settings.public_url)


def make_housekeeping(stores: Stores, telemetry: Telemetry) -> Housekeeping:
    """The thread that hands on the tasks of dead workers and removes what is past its time."""
    settings, rows = stores.settings, stores.rows
    return Housekeeping(
        Reaper(
            rows.database,
            rows.signals,
            settings.stale_s,
            time.time,
            time.monotonic,
            telemetry.ended,
            telemetry.taken_over,
        ),
        Sweeper(
            rows.database,
            stores.blobs,
            rows.signals,
            settings.retention_s,
            settings.longest_wait_s,
            settings.idempotency_s,
            time.time,
            time.monotonic,
            telemetry.ended,
            settings.ledger_s,
        ),
        make_cancel(stores, telemetry),
        partial(_mended, stores),
        DiskWatch(stores.blobs.room, time.monotonic),
        settings.heartbeat_s,
        time.monotonic,
        log_failure,
    )


def _mended(stores: Stores) -> None:
    stores.rows.mend_queue()
    OUTAGES.works(DATABASE)
    if stores.pairing is None:  # a disk of one's own: what nothing has failed of for a moment works
        OUTAGES.works(FILES)


def make_cancel(stores: Stores, telemetry: Telemetry) -> Cancel:
    """Ending tasks that nobody wants any more."""
    return Cancel(
        database=stores.database,
        blobs=stores.blobs,
        signals=stores.rows.signals,
        query=_query(stores),
        batches=_batches(stores),
        now=time.time,
        observe=telemetry.ended,
    )


def _query(stores: Stores) -> Query:
    return Query(stores.database, stores.rows.rates, stores.settings.retention_s, time.time)


def _batches(stores: Stores) -> BatchDesk:
    settings = stores.settings
    bounds = BatchBounds(settings.batch_max_per_key, settings.batch_stored_bytes_per_key, settings.batch_stored_bytes)
    return BatchDesk(stores.database, stores.blobs, bounds, settings.retention_s, time.time)


def make_companions(stores: Stores, telemetry: Telemetry) -> Sequence[BackgroundService]:
    """The threads beside the workers: those that keep house, tell receivers, and feed batches in."""
    companions: list[BackgroundService] = [
        make_housekeeping(stores, telemetry),
        make_outbox(stores, telemetry),
        make_feeder(stores, telemetry),
    ]
    if stores.pairing is not None:
        stores.pairing.on_change.append(log_admission)
        companions.append(
            PairingWatch(
                stores.pairing,
                stores.settings.pairing_s,
                time.monotonic,
                log_failure,
                on_proof=lambda: OUTAGES.works(FILES),
                is_pressing=lambda: FILES in OUTAGES.away,
            )
        )
    return companions


def _bounds(settings: Settings) -> QueueBounds:
    return QueueBounds(settings.queue_max_per_key, settings.queue_max)


def make_feeder(stores: Stores, telemetry: Telemetry) -> BatchScheduler:
    """The thread that makes tasks of batches' items."""
    settings = stores.settings
    promote = PromoteBatchItems(
        database=stores.database,
        blobs=stores.blobs,
        signals=stores.rows.signals,
        bounds=_bounds(settings),
        longest_s=settings.batch_longest_s,
        now=time.time,
        on_error=log_failure,
        observe=telemetry.ended,
        cpu=make_cpu_budget(stores),
    )
    return BatchScheduler(promote, log_failure)


def make_outbox(stores: Stores, telemetry: Telemetry) -> WebhookDispatcher:
    """The thread that tells receivers of ended tasks."""
    settings = stores.settings
    notify = DeliverWebhook(
        database=stores.database,
        poster=SafeFetcher(settings),
        render=Messages(stores.database, _rendering(stores)),
        secrets=stores.webhook_secrets,
        now=time.time,
        random=random.random,
        retention_s=settings.retention_s,
        lease_s=_LEASE_FACTOR * settings.fetch_timeout_s,
        kept_s=settings.webhook_log_s,
        observe=telemetry.metrics.told,
    )
    return WebhookDispatcher(notify, settings.webhook_senders, settings.webhook_per_host, time.monotonic, log_failure)


def make_webhooks(stores: Stores) -> Webhooks:
    """What keys may do with their webhooks."""
    return Webhooks(stores.database, SafeFetcher(stores.settings), stores.webhook_secrets, time.time)


def _row_source_bytes(stores: Stores) -> int:
    """Of a shared database; none while results could not be kept, as far as is known: then the store is asked."""
    has_store = FILES not in OUTAGES.away and (stores.pairing is None or stores.pairing.may_work)
    return stores.settings.row_source_bytes if stores.is_shared and has_store else 0


def _rendering(stores: Stores) -> Rendering:
    settings = stores.settings
    return Rendering(stores.blobs, stores.links, settings.retention_s, time.time, settings.fine_states)


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
            _bounds(settings),
            time.time,
            carried,
            cpu=make_cpu_budget(stores),
            held=stores.held,
            row_source_bytes=partial(_row_source_bytes, stores),
        ),
        cancel=make_cancel(stores, telemetry),
        spool=stores.spool,
        query=_query(stores),
        admin=stores.admin,
        usage=Usage(rows.database, time.time),
        month_counts=MonthCounts(rows.database, time.time),
        webhooks=make_webhooks(stores),
        batches=_batches(stores),
        rendering=_rendering(stores),
        links=stores.links,
        shelves=S3ResultExporter(settings.tinify_store_endpoints),
        blobs=stores.blobs,
        ends=rows.local,
        readiness=NodeReadiness(stores, pool, draining.is_set),
        calls=ThreadPoolExecutor(_API_THREADS, thread_name_prefix="call"),
        look_ups=ThreadPoolExecutor(
            _SHARED_LOOK_UP_THREADS if stores.is_shared else _LOOK_UP_THREADS, thread_name_prefix="look-up"
        ),
        turns=KeyQueue(settings.rate_patience_s),
        unpacking=Unpacking(),
        readers=Readers(settings.readers, settings.readers_per_result),
        drained=drained,
        figures=telemetry.exposition,
        observe=telemetry.served,
        trace=None if telemetry.tracing is None else telemetry.tracing.request,
    )
    return make_app(context)
