"""`leanpix doctor`: what this installation is made of, what is off and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from leanpix.cli.options import DataDir, settings_or_exit


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False, data_dir: DataDir = None
) -> None:
    """Say what works here, where data lives, and what is off and why. Exit code 1 when something needed fails."""
    from leanpix.bootstrap.installation import describe_installation

    sections, healthy = describe_installation(settings_or_exit(data_dir=data_dir))
    if as_json:
        typer.echo(json.dumps({"healthy": healthy, **sections}))
    else:
        for title, lines in sections.items():
            _print_section(title, lines)
    if not healthy:
        raise typer.Exit(1)


def _print_section(title: str, lines: Mapping[str, str]) -> None:
    typer.echo(f"\n{title}")
    width = max(map(len, lines), default=0)
    for name, value in lines.items():
        typer.echo(f"  {name:{width}}  {value}")
