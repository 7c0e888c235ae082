"""`leanpix keys`: the administration of API keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from leanpix.cli.options import DataDir, settings_or_exit, stores_or_exit
from leanpix.domain.errors import LeanpixError
from leanpix.service.admin import Admin

app = typer.Typer(no_args_is_help=True, help="Create, list, revoke and top up API keys.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="Whose key it is, for people.")],
    credit: Annotated[int | None, typer.Option("--credits", help="Credits; default: unlimited.")] = None,
    qps: Annotated[float | None, typer.Option(help="Creates per second; default: LEANPIX_DEFAULT_QPS.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="May administer keys.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key. It is shown once: only a hash of it is kept."""
    with _administration(data_dir) as administration:
        key = administration.create(name, credit=credit, qps=qps, is_admin=admin)
    if as_json:
        typer.echo(json.dumps({"id": key.id, "key": key.text}))
    else:
        typer.echo(f"id   {key.id}\nkey  {key.text}\nThe key is shown only now.")


@app.command("list")
def list_keys(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the keys."""
    with _administration(data_dir) as administration:
        accounts = administration.accounts()
    for account in accounts:
        if as_json:
            shown = {"id": account.id, "name": account.name, "qps": account.qps, "credits": account.credits}
            more = {"admin": account.is_admin, "created_at": account.created_at, "revoked_at": account.revoked_at}
            typer.echo(json.dumps(shown | more))
        else:
            credit = "unlimited" if account.credits is None else account.credits
            state = "revoked" if account.revoked_at is not None else "active"
            made = datetime.fromtimestamp(account.created_at, UTC).date().isoformat()
            typer.echo(f"{account.id}  {state:8} {credit!s:>10} credits {account.qps:>6g} qps  {made}  {account.name}")


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], data_dir: DataDir = None) -> None:
    """Refuse a key from now on."""
    with _administration(data_dir) as administration:
        administration.revoke(key_id)
    typer.echo(f"{key_id} is revoked")


@app.command("topup")
def topup(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    credit: Annotated[int, typer.Argument(metavar="CREDITS")],
    data_dir: DataDir = None,
) -> None:
    """Add credits to a key."""
    with _administration(data_dir) as administration:
        administration.topup(key_id, credit)
    typer.echo(f"{key_id} has {credit} more credits")


@contextmanager
def _administration(data_dir: DataDir) -> Iterator[Admin]:
    stores = stores_or_exit(settings_or_exit(data_dir=data_dir))
    try:
        yield stores.admin
    except LeanpixError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(1) from failure
    finally:
        stores.close()
