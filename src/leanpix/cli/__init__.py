"""The command line."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperGroup

__all__ = ["app"]

# Each command by its name, and where it is: in this order they are listed.
_COMMANDS: Mapping[str, str] = {
    "serve": "serve:serve",
    "worker": "worker:worker",
    "migrate": "migrate:migrate",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "check-restored": "backup:check_restored",
    "new-secret": "new_secret:new_secret",
    "compress": "compress:compress",
    "set": "picture_set:picture_set",
    "score": "score:score",
    "sync": "sync:sync",
    "mcp": "mcp:mcp",
    "watch": "watch:watch",
    "vault": "vault:vault",
    "check": "check:check",
    "doctor": "doctor:doctor",
    "keys": "keys:app",
}


class _LazyCommands(TyperGroup):
    """Imports a command when it is run or described: what a server never runs would stay in its memory."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - kinds that typer has for itself
        """The names, in their order."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - the same
        """The command of this name, or None: then all are there, for those of similar names are told."""
        del ctx
        for name in [cmd_name] if cmd_name in _COMMANDS else _COMMANDS:
            if name not in self.commands:
                self.commands[name] = _loaded(name)
        return self.commands.get(cmd_name)


def _loaded(name: str) -> Any:  # noqa: ANN401 - the same
    module, _, what = _COMMANDS[name].partition(":")
    found = getattr(import_module(f"leanpix.cli.{module}"), what)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(found)
        found = alone
    command = typer.main.get_command(found)
    command.name = name
    _refuse_empty_paths(command)
    return command


def _refuse_empty_paths(command: Any) -> None:  # noqa: ANN401 - the same
    """Have a command refuse "" where it takes a path: a variable that is not set would name the folder one is in."""
    for each in getattr(command, "commands", {}).values():
        _refuse_empty_paths(each)
    hints = get_type_hints(command.callback) if command.callback is not None else {}
    for parameter in command.params:
        if _takes_paths(hints.get(parameter.name)):
            parameter.consume_value = partial(_not_empty, parameter, parameter.consume_value)


def _takes_paths(hint: object) -> bool:
    return hint is Path or any(map(_takes_paths, get_args(hint)))


def _not_empty(parameter: Any, consume_value: Callable[..., Any], ctx: Any, words: Any) -> Any:  # noqa: ANN401 - the same
    value, source = consume_value(ctx, words)
    if "" in (value if isinstance(value, (list, tuple)) else [value]):
        raise typer.BadParameter("the path is empty: is a variable not set?", ctx=ctx, param=parameter)
    return value, source


app = typer.Typer(
    cls=_LazyCommands, no_args_is_help=True, help="Self-hosted image compression.", pretty_exceptions_enable=False
)


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
) -> None:
    del version
    # A path may have bytes that are no text: they go out as they came.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
