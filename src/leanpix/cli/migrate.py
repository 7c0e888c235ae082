"""`leanpix migrate`: bring the database to this version's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from leanpix.cli.options import USAGE_ERROR, DataDir, settings_or_exit, stores_or_exit
from leanpix.domain.errors import SetupError, StoreUnavailableError

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
    finally:
        stores.close()
    if key is not None:
        typer.echo(f"\nThe owner's API key, shown only this once:\n\n  {key.text}\n")


def _migrated(settings: Settings) -> str | None:
    from leanpix.bootstrap.stores import migrate_database

    try:
        return migrate_database(settings)
    except (SetupError, StoreUnavailableError) as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(USAGE_ERROR) from failure
