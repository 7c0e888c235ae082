"""The owner's key at the very first start: shown to whoever is there, or kept in a file for whoever comes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from leanpix.cli.options import setup_or_exit

if TYPE_CHECKING:
    from leanpix.bootstrap.stores import Stores
    from leanpix.service.keys import NewKey


def kept_or_shown(stores: Stores, key: NewKey) -> str:
    """Tell of the key; how a shell writes it in a command.

    A log is read by more people than the owner, and kept: where standard output is no terminal the key goes to a file
    of the data folder that its owner alone can read. Machines that share a database have no folder that stays.
    """
    if stores.is_shared or sys.stdout.isatty():
        typer.echo(f"\nThe owner's API key, shown only this once:\n\n  {key.text}")
        return key.text
    from leanpix.telemetry.logging import announce

    place = _kept(stores, key.text)
    announce(
        f"\nThe owner's API key is in {place}, which only its owner can read: move it to where you keep such.",
        "the owner's API key is kept",
        place=str(place),
    )
    return f"$(cat '{place}')"


def _kept(stores: Stores, text: str) -> Path:
    from leanpix.stores.data_folder import DataFolder, write_private

    folder = DataFolder(stores.settings.data_dir.resolve())
    with setup_or_exit(), folder.told():
        folder.owner_key.unlink(missing_ok=True)
        write_private(folder.owner_key, f"{text}\n")
    return folder.owner_key
