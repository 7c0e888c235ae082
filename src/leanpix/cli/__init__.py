"""The command line."""

from __future__ import annotations

import typer

from leanpix.cli import backup, compress, doctor, keys, migrate, new_secret, serve, worker

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Self-hosted image compression.", pretty_exceptions_enable=False)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("migrate")(migrate.migrate)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("new-secret")(new_secret.new_secret)
app.command("compress")(compress.compress)
app.command("doctor")(doctor.doctor)
app.add_typer(keys.app, name="keys")
