"""Telling receivers that tasks have ended: one try at a time, at least once, for as long as the task is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from leanpix.domain.errors import LeanpixError
from leanpix.domain.webhook import DueWebhook, WebhookAnswer, WebhookAttempt, WebhookDelivery, WebhookState
from leanpix.service.observing import ObserveWebhook, unobserved
from leanpix.service.ports import Clock, Database, Poster
from leanpix.service.signing import WebhookSecrets, signed_headers

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 600.0
_GONE = 410


@dataclass(frozen=True, slots=True)
class DeliverWebhook:
    """The use case `notify`; now gives Unix seconds, random a number from 0 to 1.

    render makes the message of an ended task or batch from its id and the base of its links; None where it is gone. A
    try whose process has died counts as lost after lease_s, and it is told again, under the same id.
    """

    database: Database
    poster: Poster
    render: Callable[[str, str], bytes | None]
    secrets: WebhookSecrets
    now: Clock
    random: Callable[[], float]
    retention_s: float
    lease_s: float
    kept_s: float
    observe: ObserveWebhook = unobserved

    def due(self, per_host: int, limit: int) -> Sequence[DueWebhook]:
        """Webhook deliveries whose time has come."""
        now = self.now()
        with self.database.reading() as view:
            return view.deliveries.due(now, self._furthest(now), per_host, limit)

    def __call__(self, task_id: str) -> WebhookState | None:
        """Make one try; the state of the delivery after it, or None where somebody else has it in hand."""
        now = self.now()
        with self.database.autocommit() as change:
            delivery = change.deliveries.claim(task_id, now, self._furthest(now), now + self.lease_s)
            if delivery is None:
                return None
            salts = change.deliveries.salts(delivery.key_id)
        body = self.render(task_id, delivery.callback.base)
        if body is None or now >= delivery.created_at + self.retention_s:
            return self._note(replace(delivery, state=WebhookState.FAILED, due_at=None))
        keys = self.secrets.valid(delivery.key_id, salts, now)
        answer = self._post(delivery.callback.url, body, signed_headers(delivery.id, now, body, keys))
        return self._note(self._after(delivery, answer))

    def forget(self) -> None:
        """Remove what is too old for the log."""
        with self.database.autocommit() as change:
            change.deliveries.remove_before(self.now() - max(self.kept_s, self.retention_s))

    def _furthest(self, now: float) -> float:
        return now + _LONGEST_PAUSE_S + self.lease_s

    def _post(self, url: str, body: bytes, headers: list[tuple[str, str]]) -> WebhookAnswer | None:
        """The answer, or None: a receiver that is refused and one that does not answer look alike to the key."""
        try:
            return self.poster.post(url, body, [("Content-Type", "application/json"), *headers])
        except LeanpixError:
            return None

    def _after(self, delivery: WebhookDelivery, answer: WebhookAnswer | None) -> WebhookDelivery:
        now, status = self.now(), None if answer is None else answer.status
        tried = replace(delivery, tries=(*delivery.tries, WebhookAttempt(now, status)), due_at=None)
        if status is not None and 200 <= status < 300:  # noqa: PLR2004 - the successes of HTTP
            return replace(tried, state=WebhookState.DELIVERED)
        asked_s = 0.0 if answer is None else min(answer.retry_after_s or 0.0, _LONGEST_PAUSE_S)
        next_at = now + max(self._pause_s(delivery.attempt), asked_s)
        if status == _GONE or next_at >= delivery.created_at + self.retention_s:
            return replace(tried, state=WebhookState.FAILED)
        return replace(tried, due_at=next_at)

    def _pause_s(self, attempt: int) -> float:
        """Twice as long after each try, less up to a half, so that many do not come back at the same moment."""
        longest = min(_FIRST_PAUSE_S * 2.0 ** min(attempt - 1, 32), _LONGEST_PAUSE_S)
        return longest * (1 - self.random() / 2)

    def _note(self, delivery: WebhookDelivery) -> WebhookState:
        with self.database.autocommit() as change:
            change.deliveries.note(delivery)
        self.observe(delivery)
        return delivery.state
