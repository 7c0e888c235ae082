"""The command line."""

from __future__ import annotations

from typing import Annotated

import typer

from leanpix.cli import (
    backup,
    check,
    compress,
    doctor,
    keys,
    mcp,
    migrate,
    new_secret,
    picture_set,
    score,
    serve,
    sync,
    vault,
    watch,
    worker,
)

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Self-hosted image compression.", pretty_exceptions_enable=False)


def _print_version(asked: bool) -> None:
    if asked:
        from leanpix import __version__

        typer.echo(f"leanpix {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("migrate")(migrate.migrate)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("check-restored")(backup.check_restored)
app.command("new-secret")(new_secret.new_secret)
app.command("compress")(compress.compress)
app.command("set")(picture_set.picture_set)
app.command("score")(score.score)
app.command("sync")(sync.sync)
app.command("mcp")(mcp.mcp)
app.command("watch")(watch.watch)
app.command("vault")(vault.vault)
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)
app.add_typer(keys.app, name="keys")
