"""`leanpix migrate`: bring the database to this version's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from leanpix.cli.first_key import kept_or_shown
from leanpix.cli.options import DataDir, settings_or_exit, setup_or_exit, stores_or_exit

if TYPE_CHECKING:
    from leanpix.settings import Settings


def migrate(
    adopt_store: Annotated[
        bool,
        typer.Option(
            "--adopt-store",
            help="Say that this database's files are in the store that is set now, after it was moved or restored.",
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
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
    if adopt_store:
        _adopt_store(settings)


def _adopt_store(settings: Settings) -> None:
    from leanpix.bootstrap.stores import adopt_store, files_named

    with setup_or_exit():
        adopt_store(settings)
    typer.echo(f"the files of this database are in {files_named(settings)}")


def _migrated(settings: Settings) -> str | None:
    from leanpix.bootstrap.stores import migrate_database

    with setup_or_exit():
        return migrate_database(settings)
