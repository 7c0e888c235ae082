"""API keys: making them, and telling whose a given one is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from threading import Lock

from leanpix.domain.account import Account
from leanpix.domain.errors import KeyRefusedError
from leanpix.service.ports import Clock, Database

PREFIX = "lp"
_ID_BYTES, _SECRET_BYTES = 8, 24
_LONGEST_KEY = 200
REFUSED = "the API key is missing, unknown or revoked: send a valid one in the X-API-KEY header"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown once: its public id and the whole text that a client sends."""

    id: str
    text: str
    secret: str


def new_key() -> NewKey:
    """A fresh random key, `lp_<id>_<secret>`; base32 keeps both parts free of the separator."""
    return renewed_key(_base32(secrets.token_bytes(_ID_BYTES)))


def renewed_key(key_id: str) -> NewKey:
    """A fresh secret under an id that there is already."""
    secret = _base32(secrets.token_bytes(_SECRET_BYTES))
    return NewKey(key_id, f"{PREFIX}_{key_id}_{secret}", secret)


class SecretHasher:
    """HMAC of key secrets with a pepper that lives outside the database."""

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    def hash(self, secret: str) -> bytes:
        """32 bytes that are of no use without the pepper."""
        return hmac.digest(self._pepper, secret.encode(), hashlib.sha256)


class Keyring:
    """Tells which account a key belongs to, remembering answers for a moment so that polling stays cheap.

    A revoked key is refused at the latest `remember_s` seconds later.
    """

    _MOST_REMEMBERED = 4096

    def __init__(self, database: Database, hasher: SecretHasher, clock: Clock, remember_s: float = 0.5) -> None:
        self._database, self._hasher, self._clock, self._remember_s = database, hasher, clock, remember_s
        self._known: dict[bytes, tuple[float, Account]] = {}
        self._lock = Lock()

    def account(self, text: str | None) -> Account:
        """The account of a key as the client sent it; KeyRefusedError for anything else."""
        account = self.remembered(text)
        if account is None:
            _, key_id, secret = _parts(text)
            account = self._look_up(key_id, self._hasher.hash(secret))
            self._remember(self._digest(text), account)
        return account

    def remembered(self, text: str | None) -> Account | None:
        """The account where it was looked up a moment ago, without touching the database; KeyRefusedError."""
        until, account = self._known.get(self._digest(text), (0.0, None))
        return account if until > self._clock() else None

    def _digest(self, text: str | None) -> bytes:
        return self._hasher.hash("_".join(_parts(text)))

    def _look_up(self, key_id: str, offered: bytes) -> Account:
        with self._database.reading() as view:
            found = view.accounts.credentials(key_id)
        genuine = hmac.compare_digest(bytes(32) if found is None else found[1], offered)
        if found is None or not genuine or found[0].revoked_at is not None:
            raise KeyRefusedError(REFUSED)
        return found[0]

    def _remember(self, digest: bytes, account: Account) -> None:
        with self._lock:
            if len(self._known) >= self._MOST_REMEMBERED:
                self._known.clear()
            self._known[digest] = (self._clock() + self._remember_s, account)


def _parts(text: str | None) -> list[str]:
    parts = (text or "")[:_LONGEST_KEY].strip().split("_")
    if len(parts) != 3 or parts[0] != PREFIX or not text or not text.isascii():  # noqa: PLR2004 - lp, id, secret
        raise KeyRefusedError(REFUSED)
    return parts


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
