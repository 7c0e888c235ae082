"""`leanpix keys`: the administration of API keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from leanpix.cli.options import DataDir, settings_or_exit, setup_or_exit, stores_or_exit
from leanpix.domain.errors import LeanpixError, SetupError

if TYPE_CHECKING:
    from leanpix.bootstrap.stores import Stores
    from leanpix.service.webhooks import Webhooks
    from leanpix.settings import Settings

app = typer.Typer(
    add_completion=False,  # that is the whole command line's
    no_args_is_help=True,
    help="Create, list, revoke and top up API keys, and see to their webhooks.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="Whose key it is, for people.")],
    credit: Annotated[int | None, typer.Option("--credits", help="Credits; default: unlimited.")] = None,
    qps: Annotated[float | None, typer.Option(help="Creates per second; default: LEANPIX_DEFAULT_QPS.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="May administer keys.")] = False,
    init: Annotated[bool, typer.Option("--init", help="Make the database where there is none.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key. It is shown once: only a hash of it is kept."""
    with _stores(data_dir, init=init) as stores:
        key = stores.admin.create(name, credit=credit, qps=qps, is_admin=admin)
        where = _rows_named(stores.settings)
    if as_json:
        typer.echo(json.dumps({"id": key.id, "key": key.text, "database": where}))
    else:
        typer.echo(f"id   {key.id}\nkey  {key.text}\nin   {where}\nThe key is shown only now.")


@app.command("list")
def list_keys(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the keys."""
    with _stores(data_dir) as stores:
        accounts = stores.admin.accounts()
        if not accounts:
            typer.echo(f"leanpix: no keys in {_rows_named(stores.settings)}", err=True)
    for account in accounts:
        if as_json:
            shown = {"id": account.id, "name": account.name, "qps": account.qps, "credits": account.credits}
            more = {"admin": account.is_admin, "created_at": account.created_at, "revoked_at": account.revoked_at}
            typer.echo(json.dumps(shown | more))
        else:
            credit = "unlimited" if account.credits is None else account.credits
            state = "revoked" if account.revoked_at is not None else "active"
            made = datetime.fromtimestamp(account.created_at, UTC).date().isoformat()
            name = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in account.name)  # on one line
            typer.echo(f"{account.id}  {state:8} {credit!s:>10} credits {account.qps:>6g} qps  {made}  {name}")


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], data_dir: DataDir = None) -> None:
    """Refuse a key from now on."""
    with _stores(data_dir) as stores:
        stores.admin.revoke(key_id)
        typer.echo(f"{key_id} is revoked in {_rows_named(stores.settings)}")


@app.command("topup")
def topup(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    credit: Annotated[int, typer.Argument(metavar="CREDITS")],
    data_dir: DataDir = None,
) -> None:
    """Add credits to a key."""
    with _stores(data_dir) as stores:
        stores.admin.topup(key_id, credit)
        typer.echo(f"{key_id} has {credit} more credits in {_rows_named(stores.settings)}")


@app.command("webhook-secret")
def webhook_secret(key_id: Annotated[str, typer.Argument(metavar="ID")], data_dir: DataDir = None) -> None:
    """Make the secret that signs a key's webhooks. It is shown once; the one before it signs for a day more."""
    with _stores(data_dir) as stores:
        typer.echo(_webhooks(stores).new_secret(key_id))
        typer.echo(f"leanpix: written to {_rows_named(stores.settings)}", err=True)


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
    for delivery in found:
        tries = [{"at": one.at, "status": one.status} for one in delivery.tries]
        if as_json:
            shown = {"id": delivery.id, "task_id": delivery.task_id, "url": delivery.callback.url}
            typer.echo(json.dumps(shown | {"state": delivery.state.value, "tries": tries}))
        else:
            statuses = " ".join(str(one.status or "-") for one in delivery.tries)
            typer.echo(f"{delivery.task_id}  {delivery.state.value:9}  {delivery.callback.url}  {statuses}")


def _webhooks(stores: Stores) -> Webhooks:
    from leanpix.bootstrap.use_cases import make_webhooks

    return make_webhooks(stores)


@contextmanager
def _stores(data_dir: DataDir, *, init: bool = False) -> Iterator[Stores]:
    """The stores of a database that is there already; init: it may be made.

    A key in a new database, made in the folder that happened to be the current one, is known to no server.
    """
    settings = settings_or_exit(data_dir=data_dir)
    if not init:
        _refuse_new_database(settings)
    stores = stores_or_exit(settings)
    try:
        yield stores
    except LeanpixError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(1) from failure
    finally:
        stores.close()


def _refuse_new_database(settings: Settings) -> None:
    from leanpix.bootstrap.stores import has_database

    with setup_or_exit():
        if not has_database(settings):
            raise SetupError(
                f"there is no database {_rows_named(settings)}: name the server's folder by --data-dir or "
                "LEANPIX_DATA_DIR, or make a new database with `leanpix keys create --init`"
            )


def _rows_named(settings: Settings) -> str:
    """Which database it is, for people."""
    from leanpix.bootstrap.place import rows_named as named

    return named(settings)
