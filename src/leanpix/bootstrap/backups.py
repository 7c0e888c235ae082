"""Backups of a machine by itself."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path

from leanpix.bootstrap.examination import examine_database
from leanpix.bootstrap.place import folder_of, rows_named
from leanpix.domain.errors import SetupError
from leanpix.settings import Settings, settings_in_force
from leanpix.stores.backup import BackupContents, restore_backup, settings_text, take_backup


def back_up(settings: Settings, place: Path) -> BackupContents:
    """Copy database, secret, settings and owed files to a new folder, beside a server that works; SetupError."""
    _refuse_shared(settings, "back it up with pg_dump")
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
    _refuse_shared(settings, "restore it with pg_restore")
    return restore_backup(place.resolve(), folder_of(settings))


def _refuse_shared(settings: Settings, instead: str) -> None:
    if settings.database_url is not None:
        raise SetupError(f"rows are in {rows_named(settings)}: {instead}, and keep LEANPIX_SECRET with it")
