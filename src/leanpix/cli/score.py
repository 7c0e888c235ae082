"""`leanpix score`: how close a picture looks to its reference, and where it looks worst."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from leanpix.cli.batch.batch import ExitCode
from leanpix.cli.batch.files import file_failure, write_whole
from leanpix.cli.batch.local import local_engine
from leanpix.cli.options import batch_settings_or_exit
from leanpix.domain.errors import SetupError, TaskFailure
from leanpix.domain.report import Report


def score(
    reference: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The picture as it should look.")],
    picture: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What was made of it.")],
    map_file: Annotated[
        Path | None,
        typer.Option("--map", help="Write a PNG of where it looks how bad: yellow up to what is allowed, red beyond."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the SSIMULACRA2 score of a picture against its reference, and the place that looks worst.

    100 is identical, 90 cannot be told apart, 70 is high quality, 30 low. Both may be of any format that is read, in
    the same sides; they are compared upright and in sRGB, transparency over a dark and a light ground, of animations
    the first frames.

    Exit codes: 0 done, 1 they cannot be compared, 2 wrong usage, 3 nothing can be decoded here.
    """
    settings = batch_settings_or_exit().model_copy(update={"server": None})
    try:
        with local_engine(settings, is_isolated=False) as engine:
            found = engine.compare(reference.read_bytes(), picture.read_bytes())
        if map_file is not None:
            write_whole(map_file, found.data, picture.stat(), keep_time=False, is_synced=False)
    except TaskFailure as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(ExitCode.SOME_FAILED) from failure
    except OSError as failure:
        typer.echo(f"leanpix: {file_failure(failure, map_file or picture)}", err=True)
        raise typer.Exit(ExitCode.SOME_FAILED) from failure
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(ExitCode.NO_ENGINE) from failure
    typer.echo(json.dumps(_fields(found.report)) if as_json else "\n".join(_lines(found.report)))


def _fields(report: Report) -> dict[str, object]:
    worst = None
    if report.worst is not None:
        worst = report.worst.fields() | {"ratio": round(report.worst.ratio, 3)}
    return {"score": report.score, "worst": worst, "warnings": list(report.warnings)}


def _lines(report: Report) -> list[str]:
    lines = [f"score {report.score:.2f}"]
    if (worst := report.worst) is not None:
        place = f"{worst.width_px} x {worst.height_px} px at {worst.left_px}, {worst.top_px}"
        lines.append(f"worst place {place}: {worst.measure}, {worst.ratio:.2f} times what is allowed")
    return [*lines, *report.warnings]
