"""Which secret an installation was made with: a database knows its fingerprint and refuses any other.

Keys are stored as hashes by the secret, and links are signed by it. Under another one every key would be refused
without a word of why, and under an empty one anybody could sign links.
"""

from __future__ import annotations

import hashlib
import hmac

from leanpix.domain.errors import SetupError
from leanpix.service.ports import Database

_FINGERPRINT_BYTES = 16


def fingerprint_of(secret: bytes) -> str:
    """A text that tells secrets apart and tells nothing of them that the key hashes beside it do not."""
    return hmac.digest(b"leanpix secret fingerprint" + secret, b"", hashlib.sha256)[:_FINGERPRINT_BYTES].hex()


def needs_its_secret(database: Database) -> bool:
    """Whether the database has keys, or a fingerprint, and so cannot do with a new secret."""
    with database.reading() as view:
        return view.installation.secret_fingerprint() is not None or view.accounts.any()


def known_fingerprint(database: Database) -> str | None:
    """The fingerprint that the database knows, or None."""
    with database.reading() as view:
        return view.installation.secret_fingerprint()


def claimed_fingerprint(database: Database, secret: bytes) -> str:
    """The fingerprint that the database knows from now on: this secret's where there was none."""
    recorded = known_fingerprint(database)
    if recorded is not None:
        return recorded
    with database.transaction() as change:
        return change.installation.claim_secret(fingerprint_of(secret))


def refuse_other(recorded: str, secret: bytes, place: str, rows: str) -> None:
    """SetupError where the fingerprint is another secret's.

    place: where the secret comes from, rows: which database, for people.
    """
    if not hmac.compare_digest(recorded, fingerprint_of(secret)):
        raise SetupError(
            f"the secret in {place} is not the one that the keys in {rows} were made with: "
            "put that one back, or give every key a new text with `leanpix new-secret`"
        )
