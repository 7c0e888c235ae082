"""`leanpix serve`: the API and its workers."""

from __future__ import annotations

from typing import Annotated

import typer

from leanpix.cli.options import DataDir, settings_or_exit


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: LEANPIX_HOST, 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: LEANPIX_PORT, 8000.")] = None,
    workers: Annotated[int | None, typer.Option(help="Pictures at a time; 0: API only. Default: one a core.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the API and its workers on this machine."""
    from leanpix.cli.serving import run_server

    run_server(settings_or_exit(host=host, port=port, workers=workers, data_dir=data_dir))
