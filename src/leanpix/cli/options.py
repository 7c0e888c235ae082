"""What the commands share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leanpix.batch_settings import BatchSettings, SettingsError, read_batch_settings
from leanpix.domain.errors import SetupError

if TYPE_CHECKING:
    from leanpix.bootstrap.stores import Stores
    from leanpix.bootstrap.telemetry import Telemetry
    from leanpix.settings import Settings
    from leanpix.worker.children.pool import CompressorPool

DataDir = Annotated[
    Path | None,
    typer.Option(  # not readable: what is wrong with it is told as for one that LEANPIX_DATA_DIR names
        "--data-dir", readable=False, help="Where data lives; default: LEANPIX_DATA_DIR, else ./data."
    ),
]

Include = Annotated[
    list[str] | None, typer.Option(help="Of folders take only names or paths like this, e.g. '*.jpg'; repeatable.")
]
Exclude = Annotated[
    list[str] | None, typer.Option(help="Of folders leave out files and folders like this; repeatable.")
]
ByGitignore = Annotated[bool, typer.Option(help="Of folders in a git working tree leave out what .gitignore names.")]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Pictures at a time; default: one a core.")]

USAGE_ERROR = 2
_SERVER_JOBS = 4


def settings_or_exit(**overrides: object) -> Settings:
    """The settings, or a message on standard error and exit code 2. Names that are no settings are warned of."""
    from leanpix.settings import read_settings, unknown_settings

    with _told_and_exit():
        settings = read_settings(**overrides)
    for line in unknown_settings():
        is_json = settings.log_format == "json"
        told = {"level": "warning", "event": "no such setting", "why": line}
        typer.echo(json.dumps(told) if is_json else f"leanpix: {line}", err=True)
    return settings


def batch_settings_or_exit(**overrides: object) -> BatchSettings:
    """Those of a batch, or a message on standard error and exit code 2."""
    with _told_and_exit():
        return read_batch_settings(**overrides)


def default_jobs(settings: BatchSettings) -> int:
    """Pictures at a time where no number was asked for."""
    return _SERVER_JOBS if settings.server is not None else max(1, settings.workers)


@contextmanager
def _told_and_exit() -> Iterator[None]:
    try:
        yield
    except SettingsError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(USAGE_ERROR) from failure


@contextmanager
def setup_or_exit() -> Iterator[None]:
    """A SetupError within the block as a message on standard error and exit code 2."""
    try:
        yield
    except SetupError as failure:
        from leanpix.telemetry.logging import refuse

        refuse(str(failure))
        raise typer.Exit(USAGE_ERROR) from failure


def stores_or_exit(settings: Settings, *, serves: bool = False, works: bool = False) -> Stores:
    """The opened stores, or a message on standard error and exit code 2.

    serves: the data folder is ours alone; works: what is shared is proven to belong together.
    """
    from leanpix.bootstrap.stores import open_stores

    with setup_or_exit():
        return open_stores(settings, serves=serves, works=works)


def telemetry_or_exit(stores: Stores, pool: CompressorPool | None) -> Telemetry:
    """What the process tells of its work, or a message on standard error and exit code 2."""
    from leanpix.bootstrap.telemetry import make_telemetry

    with setup_or_exit():
        return make_telemetry(stores, pool)
