"""What the service tells of its own work, for whoever counts or logs it: values without secrets, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from leanpix.domain.report import Report
from leanpix.domain.room import Room
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task
from leanpix.domain.webhook import WebhookDelivery
from leanpix.service.ports import Clock


@dataclass(frozen=True, slots=True)
class Served:
    """A request that was answered. route is the path as it is declared, never as it was sent; ids where known."""

    route: str
    method: str
    status: int
    seconds: float
    key_id: str | None = None
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that ended here. seconds are by phase; cause is what it failed of, for logs only."""

    task: Task
    state: TaskState
    charged: int = 0
    report: Report | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    cause: BaseException | None = None


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """The tasks that have not ended: waiting and running ones, the oldest waiting one's age, credits held for all.

    webhooks: deliveries that are still to be made, and the oldest one's age. live_workers: processes that take tasks;
    None where that is this one alone.
    """

    waiting: int
    running: int
    oldest_s: float
    held: int
    webhooks: int = 0
    oldest_webhook_s: float = 0.0
    live_workers: int | None = None


@dataclass(frozen=True, slots=True)
class SpoolFigures:
    """Bytes of requests that are being received and how many there may be; and the room of the disk they lie on."""

    in_flight_bytes: int
    most_bytes: int
    room: Room


@dataclass(frozen=True, slots=True)
class ConnectionFigures:
    """Connections to the database: in use, and how many there may be."""

    in_use: int
    most: int


TraceRequest = Callable[[str | None], AbstractContextManager[None]]
CarryTrace = Callable[[], str | None]
ObserveEnd = Callable[[Ended], None]
ObserveRequest = Callable[[Served], None]
ObserveTask = Callable[[Task], None]
ObserveWebhook = Callable[[WebhookDelivery], None]


def unobserved(_told: object) -> None:
    """Told to nobody."""


def untraced() -> None:
    """There is no trace to carry."""


class Phases:
    """How long an attempt spends in each phase, in seconds; a phase that is entered again goes on adding up."""

    def __init__(self, monotonic: Clock, first: str) -> None:
        self._monotonic, self._phase, self._since = monotonic, first, monotonic()
        self._seconds: dict[str, float] = {}

    def enter(self, phase: str, at_s: float | None = None) -> None:
        """End the phase before and begin this one, now or at a moment since."""
        moment = self._monotonic() if at_s is None else max(at_s, self._since)
        self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + moment - self._since
        self._phase, self._since = phase, moment

    def ended(self) -> Mapping[str, float]:
        """Every phase's seconds, the last one's until now."""
        self.enter(self._phase)
        return dict(self._seconds)
