"""What the use cases need of the outside: each port has an adapter for one machine and one for many, and a fake.

Everything here is synchronous: use cases run in worker threads, never on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable

from leanpix.service.ports.accounts import Accounts, Answer, RateLimits
from leanpix.service.ports.batches import Batches
from leanpix.service.ports.files import Blobs, BlobStream, ResultExporter
from leanpix.service.ports.messages import Poster, WebhookDeliveries
from leanpix.service.ports.rows import Database, Installation, Submissions, Tasks, Transaction
from leanpix.service.ports.work import Compressor, Fetcher, Place, Review, Signals, Sink, TaskQueue

__all__ = [
    "Accounts",
    "Answer",
    "Batches",
    "BlobStream",
    "Blobs",
    "Clock",
    "Compressor",
    "Database",
    "Fetcher",
    "Installation",
    "NewId",
    "Place",
    "Poster",
    "RateLimits",
    "ResultExporter",
    "Review",
    "Signals",
    "Sink",
    "Submissions",
    "TaskQueue",
    "Tasks",
    "Transaction",
    "WebhookDeliveries",
]

Clock = Callable[[], float]
NewId = Callable[[], str]
"""Makes the ids of tasks and batches: never the same twice."""
