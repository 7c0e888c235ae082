"""A key's webhooks: which URLs it may name, the secret that signs, and what became of its deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leanpix.domain.errors import InvalidParameterError, NotFoundError
from leanpix.domain.webhook import Callback, WebhookDelivery
from leanpix.service.ports import Clock, Database, Poster
from leanpix.service.signing import WebhookSecrets, rotated

MOST_LISTED = 1000
_ALLOWED = "an http or https URL of a public address, without user name, on a port that this server may reach"


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The use cases; now gives Unix seconds."""

    database: Database
    poster: Poster
    secrets: WebhookSecrets
    now: Clock

    def callback(self, url: str, base: str) -> Callback:
        """The callback of a request; InvalidParameterError where its URL is refused as it is written."""
        if not self.poster.admits(url):
            raise InvalidParameterError("callback_url", url, _ALLOWED)
        return Callback(url, base)

    def new_secret(self, key_id: str) -> str:
        """Make and return the secret that signs from now on; NotFoundError for an unknown key.

        The one before it goes on signing for a day, beside the new one.
        """
        with self.database.transaction() as change:
            if change.accounts.get(key_id) is None:
                raise NotFoundError(f"there is no key {key_id!r}")
            salts = rotated(change.deliveries.salts(key_id), self.now())
            change.deliveries.set_salts(key_id, salts)
        return self.secrets.shown(key_id, salts.current)

    def deliveries(self, key_id: str, limit: int) -> Sequence[WebhookDelivery]:
        """What was told, or is still to be told, to the key's receivers, the newest first."""
        with self.database.reading() as view:
            return view.deliveries.recent(key_id, limit)
