"""What a process tells of its work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leanpix.bootstrap.stores import Stores
from leanpix.domain.errors import SetupError
from leanpix.domain.task import Task
from leanpix.service.observing import Ended, Served
from leanpix.settings import Settings
from leanpix.stores.sql.figures import queue_figures
from leanpix.telemetry.exposition import Exposition
from leanpix.telemetry.journal import Journal
from leanpix.telemetry.metrics import Metrics
from leanpix.worker.children.pool import CompressorPool

if TYPE_CHECKING:
    from leanpix.telemetry.tracing import Tracing


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
