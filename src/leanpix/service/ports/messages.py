"""Receivers of webhooks: what they have to be told, and the transfer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from leanpix.domain.webhook import Callback, DueWebhook, WebhookAnswer, WebhookDelivery, WebhookSalts


class WebhookDeliveries(Protocol):
    """What has to be told to receivers, and the salts of their secrets, inside one transaction."""

    def add(self, ended_id: str, key_id: str, callback: Callback, now: float) -> None:
        """Have the end of a task or a batch told."""

    def due(self, now: float, furthest: float, per_host: int, limit: int) -> Sequence[DueWebhook]:
        """Webhook deliveries whose time has come: at most per_host of a host, and keys by turns.

        One that is due after `furthest` was written by a clock that has been set back since: it is due now.
        """

    def claim(self, task_id: str, now: float, furthest: float, until: float) -> WebhookDelivery | None:
        """Begin a try that counts as lost at `until`; None where somebody else has begun one, or it is over."""

    def note(self, delivery: WebhookDelivery) -> bool:
        """Record how a try went; False where another one was begun since, and then nothing is written."""

    def recent(self, key_id: str, limit: int) -> Sequence[WebhookDelivery]:
        """A key's deliveries, the newest first."""

    def remove_before(self, created_before: float) -> None:
        """Forget the deliveries of tasks that ended before the given time."""

    def salts(self, key_id: str) -> WebhookSalts | None:
        """What the key's secrets are derived with, or None where it has not made one yet."""

    def set_salts(self, key_id: str, salts: WebhookSalts) -> None:
        """Replace them."""


class Poster(Protocol):
    """Delivers messages to URLs that strangers gave."""

    def admits(self, url: str) -> bool:
        """Whether the URL as it is written may be posted to; nothing is looked up, so it may still be refused."""

    def post(self, url: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> WebhookAnswer:
        """Deliver the body; what was answered. LeanpixError where there is no answer."""
