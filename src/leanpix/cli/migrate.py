"""`leanpix migrate`: bring the database to this version's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from leanpix.cli.first_key import kept_or_shown
from leanpix.cli.options import DataDir, settings_or_exit, setup_or_exit, stores_or_exit

if TYPE_CHECKING:
    from leanpix.settings import Settings


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to this version's schema; a database on one machine does so by itself at every start.

    Safe to run again, and while older nodes still serve. The first run prints the owner's key.
    """
    settings = settings_or_exit(data_dir=data_dir)
    before = _migrated(settings)
    stores = stores_or_exit(settings)
    try:
        typer.echo("the schema is current" if before else "the schema has been made")
        key = stores.admin.ensure_owner()
        if key is not None:
            kept_or_shown(stores, key)
    finally:
        stores.close()


def _migrated(settings: Settings) -> str | None:
    from leanpix.bootstrap.stores import migrate_database

    with setup_or_exit():
        return migrate_database(settings)
