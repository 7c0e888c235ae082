"""`leanpix backup` and `leanpix restore`: one machine's data, copied while it works and put back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leanpix.cli.options import DataDir, settings_or_exit, setup_or_exit, stores_or_exit
from leanpix.domain.errors import StoreUnavailableError


def backup(
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="A folder that is not there yet.", readable=False)],
    data_dir: DataDir = None,
) -> None:
    """Copy database, secret, settings and the files that are still owed to a new folder. The server may work on."""
    from leanpix.bootstrap.backups import back_up

    settings = settings_or_exit(data_dir=data_dir)
    with setup_or_exit():
        held = back_up(settings, dest)
    what = f"{held.keys} keys, {held.tasks} tasks and {held.files} files ({held.bytes} bytes)"
    typer.echo(f"{what} are in {dest.resolve()}")
    typer.echo(f"The secret is there too ({held.secret}): keep the folder where only you can read it.")


def restore(
    src: Annotated[Path, typer.Argument(metavar="SRC", help="A folder made by `leanpix backup`.", readable=False)],
    data_dir: DataDir = None,
) -> None:
    """Put a backup into a data folder that has no database yet and that no server uses."""
    from leanpix.bootstrap.backups import restore as put_back

    settings = settings_or_exit(data_dir=data_dir)
    with setup_or_exit():
        held = put_back(settings, src)
    typer.echo(f"{held.keys} keys, {held.tasks} tasks and {held.files} files are in {settings.data_dir.resolve()}")
    if (src / "settings.env").exists():
        typer.echo(f"The settings that its server had are in {src.resolve() / 'settings.env'}: set them again.")


def check_restored(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make one of a restored database and a restored bucket, before any node is started on them.

    Open tasks whose sources are not in the bucket end and their holds are released; what has ended is left as it is.
    """
    from leanpix.bootstrap.backups import check_restored as checked

    stores = stores_or_exit(settings_or_exit(data_dir=data_dir))
    try:
        with setup_or_exit():
            found = checked(stores, is_trial=dry_run)
    except StoreUnavailableError as failure:
        typer.echo("leanpix: the database or the file store went away; run it again", err=True)
        raise typer.Exit(1) from failure
    finally:
        stores.close()
    ended = "would be ended" if dry_run else "were ended, and their holds released"
    typer.echo(f"{stores.place}")
    typer.echo(f"{found.open} open tasks will be done; {found.ended} whose sources are not there {ended}")
    typer.echo(f"{found.results} results are there; {found.results_missing} are not, and their links answer 404")
