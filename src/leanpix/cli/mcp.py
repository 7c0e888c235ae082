"""`leanpix mcp`: pictures compressed and scored for an editor or an assistant, by the Model Context Protocol."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path
from threading import Semaphore
from typing import Annotated

import typer

from leanpix.cli.batch.batch import ExitCode, engine_of
from leanpix.cli.options import Jobs, batch_settings_or_exit, default_jobs
from leanpix.domain.errors import SetupError


def mcp(
    roots: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER...",
            exists=True,
            file_okay=False,
            help="Whose files may be read and written, with all below; default: the folder it is started in.",
        ),
    ] = None,
    http: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Answer over HTTP, at /mcp; default: over stdio.")
    ] = None,
    http_key: Annotated[
        str | None,
        typer.Option(help="What clients have to send with --http, as `Authorization: Bearer KEY`."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(help="Let this server do it, e.g. http://127.0.0.1:8000; default: LEANPIX_SERVER.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The API key for it; better: LEANPIX_KEY.")] = None,
    jobs: Jobs = None,
) -> None:
    """Offer compress, score, set and formats to an editor or assistant that speaks the Model Context Protocol.

    Files outside of the folders are neither read nor written, and none that is there is replaced unless the call says
    so. Pictures are decoded in locked processes, as by the other commands.

    Needs the extra leanpix[mcp]. Exit codes: 0 ended, 2 wrong usage, 3 nothing can be compressed here.
    """
    if find_spec("mcp") is None:
        raise _refused("this needs the extra leanpix[mcp], which is not installed", ExitCode.NO_ENGINE)
    address = None if http is None else _address(http)
    settings = batch_settings_or_exit(workers=jobs, server=server, key=key, mcp_key=http_key)
    if address is not None and settings.mcp_key is None:
        raise _refused("--http needs a key: --http-key, better LEANPIX_MCP_KEY", ExitCode.USAGE)
    from leanpix.cli.listening import listener_or_exit
    from leanpix.cli.tools.pictures import PictureTools, server_formats
    from leanpix.cli.tools.roots import Roots
    from leanpix.cli.tools.server import serve_http, server_of

    remote_formats = None
    try:
        with engine_of(settings, is_isolated=False) as engine:
            if settings.server is not None:
                remote_formats = functools.partial(server_formats, settings.server, settings.key or "")
            turns, places = Semaphore(default_jobs(settings)), Roots.of(roots or [Path()])
            tools = PictureTools(places, engine, turns, settings.target_score, remote_formats)
            if address is None:
                server_of(tools).run("stdio")
            else:
                listener = listener_or_exit(*address, "--http")
                serve_http(server_of(tools), address[0], listener, settings.mcp_key or "")
    except SetupError as failure:
        raise _refused(str(failure), ExitCode.NO_ENGINE) from failure
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.DONE) from None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the last port there is
        raise _refused(f"--http {text}: HOST:PORT is meant, such as 127.0.0.1:8765", ExitCode.USAGE)
    return host, int(port)


def _refused(text: str, code: ExitCode) -> typer.Exit:
    typer.echo(f"leanpix: {text}", err=True)
    return typer.Exit(code)
