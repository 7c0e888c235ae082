"""The worker of a process, over its stores."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

from leanpix.bootstrap.stores import Stores
from leanpix.bootstrap.telemetry import Telemetry
from leanpix.bootstrap.use_cases import make_cpu_budget
from leanpix.fetching.fetcher import SafeFetcher
from leanpix.service.execute import Execute, unreviewed
from leanpix.service.fetch import Fetch
from leanpix.service.ports import Review
from leanpix.service.progress import Progress
from leanpix.service.result_cache import ResultCache
from leanpix.stores.row_room import RowRoom
from leanpix.telemetry.logging import log_failure
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.engine_version import engine_version
from leanpix.worker.heartbeats import Heartbeats
from leanpix.worker.loop import Worker
from leanpix.worker.source_fetcher import FetchBounds, SourceFetcher


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
        claimed=stores.claimed,
        keep=stores.recent.add,
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
        counts_late=stores.rows.rates.waits,
        on_worked=worked,
        row_result_bytes=_row_result_bytes(stores),
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


def _reuse(stores: Stores) -> ResultCache | None:
    settings = stores.settings
    if settings.result_cache == "off":
        return None
    engine, is_shared = engine_version(settings.target_score), settings.result_cache == "all"
    return ResultCache(stores.database, stores.blobs, engine, is_shared, settings.retention_s, time.time)


def _row_result_bytes(stores: Stores) -> Callable[[], int]:
    """None where a review is asked for: it may read the result by its link, before the row has it."""
    settings = stores.settings
    row_bytes = settings.most_row_bytes if settings.policy_url is None else 0
    if stores.is_shared:
        return lambda: row_bytes
    return RowRoom(stores.database, stores.rows_disk, settings.row_disk_share, row_bytes, time.monotonic)


def _review(stores: Stores) -> Review:
    if stores.settings.policy_url is None:
        return unreviewed
    from leanpix.fetching.review import HttpReview  # noqa: PLC0415 - its HTTP library takes a while

    return HttpReview(stores.settings, stores.links, log_failure, stores.settings.public_url)
