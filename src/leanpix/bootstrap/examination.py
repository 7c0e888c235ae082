"""What `leanpix serve` would find of its data, looked at without making or changing anything."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from leanpix.bootstrap.place import folder_of, rows_named, told
from leanpix.bootstrap.secret import examined_secret, known_secret
from leanpix.bootstrap.stores import files_named, has_database, migrating_engine
from leanpix.domain.errors import SetupError, StoreUnavailableError
from leanpix.domain.room import Room
from leanpix.service.installed_secret import fingerprint_of
from leanpix.service.pairing import MARKER_KEY, Pairing
from leanpix.settings import Settings
from leanpix.stores.files.s3 import S3Blobs, s3_cause
from leanpix.stores.sql.connecting import EngineConnections, connecting
from leanpix.stores.sql.database import SqlDatabase, refuse_damaged, refuse_newer
from leanpix.stores.sql.schema import HEAD, require_current, revision

_SECRET_KNOWN_SINCE = "0008"  # noqa: S105 - a schema revision
_OK = "ok"


def examined(settings: Settings) -> tuple[Mapping[str, str], bool]:
    """Each part of the data with `ok` or what is wrong, and whether a server could start on it and take work."""
    parts = {"database": rows_named(settings), "database state": _OK, "room": _OK}
    try:
        parts["database state"] = examine_database(settings)
        parts["room"] = _room_state(settings)
        is_current = parts["database state"].startswith(f"{_OK}, schema")  # an older one knows no store
        if settings.store_url is not None and is_current:
            parts["files"] = _pair_state(settings, settings.store_url)
    except SetupError as failure:
        parts["database state"] = f"failed: {failure}"
    return parts, not any(state.startswith(("failed", "off")) for state in parts.values())


def examine_database(settings: Settings) -> str:
    """The state of the database in words; SetupError where a server would not start on it."""
    is_shared = settings.database_url is not None
    if not is_shared:
        folder_of(settings).look()
        if not has_database(settings):
            return "made at the first start"
        with told(settings):
            refuse_damaged(folder_of(settings).database, at_most_bytes=sys.maxsize)
    engine = migrating_engine(settings)
    try:
        with told(settings):
            with connecting(engine) as connection:
                found = revision(connection)
            if is_shared:
                require_current(engine)
            else:
                refuse_newer(found, folder_of(settings).database)
        if found is None or found < _SECRET_KNOWN_SINCE:
            return f"{_OK}, of an older version: schema revision {found}, brought to {HEAD} at the next start"
        connections = EngineConnections(engine)
        examined_secret(settings, SqlDatabase(connections, connections))
    finally:
        engine.dispose()
    return f"{_OK}, schema revision {found}, and the secret is the one that its keys were made with"


def _pair_state(settings: Settings, store_url: str) -> str:
    """Whether database and file store belong together; nothing is bound here."""
    secret = known_secret(settings, is_needed=False)
    if secret is None or not has_database(settings):
        return "bound to the database at the first start"
    engine, store = migrating_engine(settings), S3Blobs(store_url, patience_s=settings.patience_s)
    try:
        with told(settings):
            connections = EngineConnections(engine)
            database = SqlDatabase(connections, connections)
            pairing = Pairing(
                database, database.glancing, store, fingerprint_of(secret), rows_named(settings), files_named(settings)
            )
            return _pair_in_words(pairing)
    finally:
        store.close()
        engine.dispose()


def _pair_in_words(pairing: Pairing) -> str:
    if not pairing.is_bound():
        return "bound to the database at the first start"
    try:
        pairing.look()
    except StoreUnavailableError as failure:
        return f"failed: {s3_cause(failure)}"
    return _OK if pairing.refused_for is None else f"failed: {pairing.refused_for}"


def _room_state(settings: Settings) -> str:
    if settings.store_url is not None:
        store = S3Blobs(settings.store_url, patience_s=settings.patience_s)
        try:
            store.glance(MARKER_KEY)
        except StoreUnavailableError as failure:
            return f"failed: the file store of LEANPIX_STORE_URL: {s3_cause(failure)}"
        else:
            return _OK
        finally:
            store.close()
    free, total = folder_of(settings).free_bytes()
    room = Room(free, total, int(settings.min_free_share * total))
    figures = f"{free} of {total} bytes are free"
    kept = f"{room.kept_free_bytes} have to stay free by LEANPIX_MIN_FREE_SHARE"
    return f"{_OK}, {figures}" if room.is_enough else f"failed: the disk is full: {figures}, {kept}"
