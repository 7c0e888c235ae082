"""`leanpix vault`: an archive of JPEGs packed without loss, and given back to the byte."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leanpix.cli.batch.batch import ExitCode
from leanpix.cli.batch.local import local_engine
from leanpix.cli.batch.vault import pack_folder, restore_folder
from leanpix.cli.options import batch_settings_or_exit
from leanpix.cli.paths import is_folder
from leanpix.domain.errors import SetupError

_RESTORE = "restore"


def vault(
    words: Annotated[list[str], typer.Argument(metavar="[restore] DIR", help="The folder, with all below it.")],
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Files at a time; default: one a core.")
    ] = None,
) -> None:
    """Pack every JPEG of a folder as JPEG XL without loss, a sixth smaller; `vault restore DIR` gives the files back.

    NAME.jpg becomes NAME.jpg.jxl, which viewers of JPEG XL show. It is decoded and compared by hash before the original
    goes; name, times, permissions and every byte come back. What cannot be packed is named and stays as it is.

    Exit codes: 0 done, 1 some failed (they are named, and stay), 2 wrong usage, 3 nothing can be packed here.
    """
    restores = words[0] == _RESTORE and len(words) > 1
    folders = [Path(word) for word in (words[1:] if restores else words)]
    if len(folders) != 1 or "" in words or not is_folder(folders[0]):
        typer.echo("leanpix: name one folder: leanpix vault DIR, or leanpix vault restore DIR", err=True)
        raise typer.Exit(ExitCode.USAGE)
    settings = batch_settings_or_exit(workers=jobs).model_copy(update={"server": None})
    run = restore_folder if restores else pack_folder
    files = before = after = left = failed = 0
    try:
        with local_engine(settings, is_isolated=False) as engine:
            for one in run(folders[0], engine, jobs or max(1, settings.workers)):
                if one.problem is not None:
                    typer.echo(f"leanpix: {one.path}: {one.problem}", err=True)
                    failed += one.is_failure
                    left += not one.is_failure
                    continue
                files, before, after = files + 1, before + one.before_bytes, after + one.after_bytes
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(ExitCode.NO_ENGINE) from failure
    share = f" ({after / before:.1%} of before)" if before and not restores else ""
    typer.echo(f"{files} {'given back' if restores else 'packed'}, {before:,} to {after:,} bytes{share}")
    if left or failed:
        typer.echo(f"{left} left as they are, {failed} failed", err=True)
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.DONE)
