"""`leanpix backup` and `leanpix restore`: one machine's data, copied while it works and put back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leanpix.cli.options import DataDir, settings_or_exit, setup_or_exit


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
