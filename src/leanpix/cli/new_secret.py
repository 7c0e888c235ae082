"""`leanpix new-secret`: replace the secret behind keys and links."""

from __future__ import annotations

import typer

from leanpix.cli.options import DataDir, settings_or_exit, setup_or_exit


def new_secret(data_dir: DataDir = None) -> None:
    """Replace the secret behind keys and links, and give every key a new text under its old id; printed once.

    For a secret that was lost or seen by others. Stop every server first. Credits, rates and the ledger stay; result
    links, the texts of keys and the secrets of webhooks are void from now on. The new secret is made in the data
    folder, or taken from LEANPIX_SECRET where that is set.
    """
    from leanpix.bootstrap.stores import replace_secret

    settings = settings_or_exit(data_dir=data_dir)
    with setup_or_exit():
        renewed = replace_secret(settings)
    for account, key in renewed:
        typer.echo(f"{account.id}  {key.text}  {account.name}")
    typer.echo(f"leanpix: the secret is replaced; {len(renewed)} keys have the texts above, shown only now", err=True)
