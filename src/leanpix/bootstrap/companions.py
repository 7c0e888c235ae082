"""The threads beside the workers: they keep house, tell receivers, and feed batches in."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from leanpix.bootstrap.stores import Stores
from leanpix.bootstrap.telemetry import Telemetry
from leanpix.bootstrap.use_cases import make_cancel, make_cpu_budget, make_rendering, queue_bounds
from leanpix.fetching.fetcher import SafeFetcher
from leanpix.service.deliver_webhook import DeliverWebhook
from leanpix.service.maintain import Reaper, Sweeper
from leanpix.service.promote_batch_items import PromoteBatchItems
from leanpix.telemetry.disk import DiskWatch
from leanpix.telemetry.logging import OUTAGES, log_admission, log_failure
from leanpix.telemetry.outages import DATABASE, FILES
from leanpix.web.messages import Messages
from leanpix.worker.batch_scheduler import BatchScheduler
from leanpix.worker.loop import Housekeeping
from leanpix.worker.pairing_watch import PairingWatch
from leanpix.worker.webhook_dispatcher import WebhookDispatcher

_LEASE_FACTOR = 2  # times the longest that a message may take


class BackgroundService(Protocol):
    """Threads that run beside the workers."""

    def start(self) -> None:
        """Start them."""

    def stop(self) -> None:
        """End them."""


def make_companions(stores: Stores, telemetry: Telemetry) -> Sequence[BackgroundService]:
    """The threads beside the workers: those that keep house, tell receivers, and feed batches in."""
    companions: list[BackgroundService] = [
        make_housekeeping(stores, telemetry),
        make_webhook_dispatcher(stores, telemetry),
        make_batch_scheduler(stores, telemetry),
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


def make_batch_scheduler(stores: Stores, telemetry: Telemetry) -> BatchScheduler:
    """The thread that makes tasks of batches' items."""
    settings = stores.settings
    promote = PromoteBatchItems(
        database=stores.database,
        blobs=stores.blobs,
        signals=stores.rows.signals,
        bounds=queue_bounds(settings),
        longest_s=settings.batch_longest_s,
        now=time.time,
        on_error=log_failure,
        observe=telemetry.ended,
        cpu=make_cpu_budget(stores),
    )
    return BatchScheduler(promote, log_failure)


def make_webhook_dispatcher(stores: Stores, telemetry: Telemetry) -> WebhookDispatcher:
    """The thread that tells receivers of ended tasks."""
    settings = stores.settings
    notify = DeliverWebhook(
        database=stores.database,
        poster=SafeFetcher(settings),
        render=Messages(stores.database, make_rendering(stores)),
        secrets=stores.webhook_secrets,
        now=time.time,
        random=random.random,
        retention_s=settings.retention_s,
        lease_s=_LEASE_FACTOR * settings.fetch_timeout_s,
        kept_s=settings.webhook_log_s,
        observe=telemetry.metrics.told,
    )
    return WebhookDispatcher(notify, settings.webhook_senders, settings.webhook_per_host, time.monotonic, log_failure)
