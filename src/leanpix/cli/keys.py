"""`leanpix keys`: the administration of API keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from leanpix.cli.options import DataDir, settings_or_exit, stores_or_exit
from leanpix.domain.errors import LeanpixError

if TYPE_CHECKING:
    from leanpix.bootstrap.stores import Stores
    from leanpix.service.admin import Admin
    from leanpix.service.webhooks import Webhooks

app = typer.Typer(no_args_is_help=True, help="Create, list, revoke and top up API keys, and see to their webhooks.")

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


@app.command("webhook-secret")
def webhook_secret(key_id: Annotated[str, typer.Argument(metavar="ID")], data_dir: DataDir = None) -> None:
    """Make the secret that signs a key's webhooks. It is shown once; the one before it signs for a day more."""
    with _stores(data_dir) as stores:
        typer.echo(_webhooks(stores).new_secret(key_id))


@app.command("deliveries")
def deliveries(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 100,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List what was told to a key's webhooks, or is still to be."""
    with _stores(data_dir) as stores:
        found = _webhooks(stores).deliveries(key_id, limit)
    for notice in found:
        tries = [{"at": one.at, "status": one.status} for one in notice.tries]
        if as_json:
            shown = {"id": notice.id, "task_id": notice.task_id, "url": notice.callback.url}
            typer.echo(json.dumps(shown | {"state": notice.state.value, "tries": tries}))
        else:
            statuses = " ".join(str(one.status or "-") for one in notice.tries)
            typer.echo(f"{notice.task_id}  {notice.state.value:9}  {notice.callback.url}  {statuses}")


def _webhooks(stores: Stores) -> Webhooks:
    from leanpix.bootstrap.processes import make_webhooks

    return make_webhooks(stores)


@contextmanager
def _administration(data_dir: DataDir) -> Iterator[Admin]:
    with _stores(data_dir) as stores:
        yield stores.admin


@contextmanager
def _stores(data_dir: DataDir) -> Iterator[Stores]:
    stores = stores_or_exit(settings_or_exit(data_dir=data_dir))
    try:
        yield stores
    except LeanpixError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(1) from failure
    finally:
        stores.close()
