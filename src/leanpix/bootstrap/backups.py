"""Backups of a machine by itself."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path

from leanpix.bootstrap.examination import examine_database
from leanpix.bootstrap.place import folder_of, rows_named
from leanpix.bootstrap.stores import Stores, pairing_of
from leanpix.domain.errors import SetupError
from leanpix.service.check_restored import CheckRestored, Restored
from leanpix.settings import Settings, settings_in_force
from leanpix.stores.backup import BackupContents, restore_backup, settings_text, take_backup
from leanpix.stores.sql.figures import queue_figures


def back_up(settings: Settings, place: Path) -> BackupContents:
    """Copy database, secret, settings and owed files to a new folder, beside a server that works; SetupError."""
    _refuse_shared(settings, "back it up with pg_dump (docs/operate-backup.md, A cluster)")
    folder = folder_of(settings)
    folder.look()
    if not folder.has_database():
        raise SetupError(f"there is no database {rows_named(settings)}: there is nothing to back up")
    examine_database(settings)  # a damaged copy, or one beside the wrong secret, would be found out too late
    return take_backup(
        folder,
        place.resolve(),
        version=version("leanpix"),
        now=time.time(),
        own_settings=settings_text(settings_in_force(are_secret=False)),
        own_secrets=settings_text(settings_in_force(are_secret=True)),
        with_files=settings.store_url is None,
    )


def restore(settings: Settings, place: Path) -> BackupContents:
    """Put a backup into the data folder, which no server uses and which has no database; SetupError."""
    _refuse_shared(settings, "restore it with pg_restore, then run `leanpix check-restored`")
    return restore_backup(place.resolve(), folder_of(settings))


def check_restored(stores: Stores, *, is_trial: bool) -> Restored:
    """Make one of a restored database and a restored store, before nodes work on them; SetupError where some do."""
    shared = stores.is_shared
    figures = queue_figures(stores.database, time.time(), stale_s=stores.settings.stale_s if shared else None)
    if figures.live_workers:
        raise SetupError(
            f"{figures.live_workers} workers take tasks of {rows_named(stores.settings)}: stop every node, and start "
            "them again when this is done"
        )
    if shared:  # another bucket would look like one that has lost every source
        pairing = pairing_of(stores.settings, stores.rows, stores.blobs, stores.secret)
        pairing.look()
        if pairing.refused_for is not None:
            raise SetupError(pairing.refused_for)
    return CheckRestored(stores.database, stores.blobs, stores.rows.signals, time.time)(is_trial=is_trial)


def _refuse_shared(settings: Settings, instead: str) -> None:
    if settings.database_url is not None:
        raise SetupError(f"rows are in {rows_named(settings)}: {instead}, and keep LEANPIX_SECRET with it")
