"""Many pictures sent at once: one set of options, one status, one archive of results."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.request import CompressionOptions
from leanpix.domain.task import SourceKind
from leanpix.domain.webhook import Callback

MOST_ITEMS = 1000


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch, as its row says. Times are Unix seconds; completed_at: when its last item ended.

    source_bytes: of all its sources as they are stored.
    """

    id: str
    key_id: str
    options: CompressionOptions
    created_at: float
    callback: Callback | None = None
    completed_at: float | None = None
    source_bytes: int = 0


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One picture of a batch: its number (from 0), its name for people, and the id of its task.

    The task's row comes when there is room for it in the queue; until then the item waits. fetch_host: of a source
    that has to be fetched, the host it comes from.
    """

    number: int
    name: str
    task_id: str
    source_kind: SourceKind
    fetch_host: str | None = None
