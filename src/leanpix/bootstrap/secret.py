"""The secret behind keys and links: from the environment or the data folder, and only the one that the rows know."""

from __future__ import annotations

from leanpix.bootstrap.place import folder_of, rows_named, told
from leanpix.domain.errors import SetupError
from leanpix.service.installed_secret import claimed_fingerprint, known_fingerprint, needs_its_secret, refuse_other
from leanpix.service.keys import SecretHasher
from leanpix.service.ports import Database
from leanpix.settings import Settings


def hasher_of(secret: bytes) -> SecretHasher:
    """The hasher of key secrets under an installation's secret."""
    return SecretHasher(b"leanpix key pepper" + secret)


def admitted_secret(settings: Settings, database: Database) -> bytes:
    """The secret, made where neither it nor any key is there; SetupError where it is not this database's."""
    with told(settings):
        secret = known_secret(settings, is_needed=needs_its_secret(database)) or folder_of(settings).make_secret()
        refuse_other(claimed_fingerprint(database, secret), secret, _place(settings), rows_named(settings))
    return secret


def examined_secret(settings: Settings, database: Database) -> None:
    """The same without making or recording anything; SetupError."""
    with told(settings):
        secret, recorded = known_secret(settings, is_needed=needs_its_secret(database)), known_fingerprint(database)
    if secret is not None and recorded is not None:
        refuse_other(recorded, secret, _place(settings), rows_named(settings))


def known_secret(settings: Settings, *, is_needed: bool) -> bytes | None:
    """The secret that is set or kept, or None; SetupError where there is none and it is needed, or an empty one."""
    if settings.secret is not None:
        return settings.secret.encode()
    kept = folder_of(settings).kept_secret()
    if kept is None and is_needed:
        raise SetupError(
            f"the secret that the keys in {rows_named(settings)} were made with is missing: put {_place(settings)} "
            "back from a backup or set LEANPIX_SECRET, or give every key a new text with `leanpix new-secret`"
        )
    return kept


def _place(settings: Settings) -> str:
    return "LEANPIX_SECRET" if settings.secret is not None else str(folder_of(settings).secret)
