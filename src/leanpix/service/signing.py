"""Signatures of messages that this service sends, as Standard Webhooks describes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from leanpix.domain.webhook import WebhookSalts

SECRET_PREFIX = "whsec_"  # noqa: S105 - the mark of a secret, not one
_SALT_BYTES = 12
# A receiver that has the new secret in place within a day never sees a message that it cannot verify.
_OVERLAP_S = 86400.0


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """Derives the secrets of keys, so that none of them lies in the database."""

    pepper: bytes

    def raw(self, key_id: str, salt: str) -> bytes:
        """The 32 bytes that sign."""
        return hmac.digest(self.pepper, f"{key_id}\n{salt}".encode(), hashlib.sha256)

    def shown(self, key_id: str, salt: str) -> str:
        """The secret as its owner is shown it."""
        return SECRET_PREFIX + base64.b64encode(self.raw(key_id, salt)).decode()

    def valid(self, key_id: str, salts: WebhookSalts | None, now: float) -> list[bytes]:
        """The secrets that sign at this moment, the newest first.

        A key that has made none yet has one that it does not know.
        """
        if salts is None:
            return [self.raw(key_id, "")]
        both = [salts.current]
        if salts.previous is not None and now < salts.rotated_at + _OVERLAP_S:
            both.append(salts.previous)
        return [self.raw(key_id, salt) for salt in both]


def rotated(before: WebhookSalts | None, now: float) -> WebhookSalts:
    """Fresh salts; what signed before goes on signing for a day."""
    return WebhookSalts(secrets.token_urlsafe(_SALT_BYTES), None if before is None else before.current, now)


def signed_headers(message_id: str, now: float, body: bytes, keys: Sequence[bytes]) -> list[tuple[str, str]]:
    """The headers of a message: its id, the time (Unix seconds), and a signature by each of the keys."""
    moment = str(int(now))
    content = b".".join((message_id.encode(), moment.encode(), body))
    signatures = [base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys]
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", moment),
        ("webhook-signature", " ".join(f"v1,{signature}" for signature in signatures)),
    ]
