"""The use cases that several parts of a process share, over its stores."""

from __future__ import annotations

import time

from leanpix.bootstrap.stores import Stores
from leanpix.bootstrap.telemetry import Telemetry
from leanpix.fetching.fetcher import SafeFetcher
from leanpix.service.batch import BatchBounds, BatchDesk
from leanpix.service.budgets import CpuBudget
from leanpix.service.cancel import Cancel
from leanpix.service.query import Query
from leanpix.service.submit import QueueBounds
from leanpix.service.webhooks import Webhooks
from leanpix.settings import Settings
from leanpix.web.rendering import Rendering


def make_cpu_budget(stores: Stores) -> CpuBudget:
    """What each key may take of the processors."""
    return CpuBudget(stores.rows.rates, stores.settings.cpu_s_per_minute)


def make_cancel(stores: Stores, telemetry: Telemetry) -> Cancel:
    """Ending tasks that nobody wants any more."""
    return Cancel(
        database=stores.database,
        blobs=stores.blobs,
        signals=stores.rows.signals,
        query=make_query(stores),
        batches=make_batch_desk(stores),
        now=time.time,
        observe=telemetry.ended,
    )


def make_query(stores: Stores) -> Query:
    """What tasks are, for those who ask."""
    return Query(stores.database, stores.rows.rates, stores.settings.retention_s, time.time)


def make_batch_desk(stores: Stores) -> BatchDesk:
    """Taking batches in, and telling how they are."""
    settings = stores.settings
    bounds = BatchBounds(settings.batch_max_per_key, settings.batch_stored_bytes_per_key, settings.batch_stored_bytes)
    return BatchDesk(stores.database, stores.blobs, bounds, settings.retention_s, time.time)


def queue_bounds(settings: Settings) -> QueueBounds:
    """How many tasks may wait."""
    return QueueBounds(settings.queue_max_per_key, settings.queue_max)


def make_webhooks(stores: Stores) -> Webhooks:
    """What keys may do with their webhooks."""
    return Webhooks(stores.database, SafeFetcher(stores.settings), stores.webhook_secrets, time.time)


def make_rendering(stores: Stores) -> Rendering:
    """Tasks and batches as answers show them."""
    settings = stores.settings
    return Rendering(stores.blobs, stores.links, settings.retention_s, time.time, settings.fine_states)
