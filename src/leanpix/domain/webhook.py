"""Telling a receiver of the user's own that a task has ended: what is told, to whom, and how it went."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Callback:
    """Where a task's end is to be told. base: what result links in the message begin with."""

    url: str
    base: str

    @property
    def host(self) -> str:
        """Whom it goes to, for sharing out connections: host and port as the URL spells them, in lower case."""
        return urlsplit(self.url).netloc.lower()


class WebhookState(StrEnum):
    """Whether a delivery still has to be made; failed: its time was up, or the receiver wants it no more."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What a receiver answered: its HTTP status, and how long it asks to be left alone, in seconds."""

    status: int
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class WebhookAttempt:
    """One try: when it ended (Unix seconds) and the receiver's HTTP status, None where there was no answer."""

    at: float
    status: int | None


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One task's, or one batch's, end to be told. created_at is when it ended; attempt counts the tries begun.

    due_at: when it is tried next, or when a try under way counts as lost; None where it will not be tried again.
    """

    task_id: str
    key_id: str
    callback: Callback
    created_at: float
    state: WebhookState
    attempt: int
    due_at: float | None
    tries: tuple[WebhookAttempt, ...] = ()

    @property
    def id(self) -> str:
        """What the receiver tells repetitions by: the same at every try."""
        return f"msg_{self.task_id}"


@dataclass(frozen=True, slots=True)
class DueWebhook:
    """A delivery that waits for its turn."""

    task_id: str
    key_id: str
    host: str


@dataclass(frozen=True, slots=True)
class WebhookSalts:
    """What a key's signing secrets are derived with: the present one, and the one before it and until when it signs."""

    current: str
    previous: str | None = None
    rotated_at: float = 0.0
