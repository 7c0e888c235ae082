"""One picture from standard input to standard output."""

from __future__ import annotations

import sys

import typer

from leanpix.batch_settings import BatchSettings
from leanpix.cli.batch.batch import ExitCode, engine_of
from leanpix.cli.batch.sizes import shown_size
from leanpix.cli.batch.work import MAX_SOURCE_BYTES, asked_of, is_wanted
from leanpix.domain.errors import SetupError, TaskFailure
from leanpix.domain.request import CompressionOptions

NAME = "-"


def run_pipe(options: CompressionOptions, settings: BatchSettings, *, is_isolated: bool) -> ExitCode:
    """Compress it. The picture as it came is written where no smaller one was made; nothing where it is none."""
    if sys.stdout.isatty():
        typer.echo("leanpix: a picture on a terminal is of no use: add > FILE", err=True)
        return ExitCode.USAGE
    source = sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1)
    if len(source) > MAX_SOURCE_BYTES:
        typer.echo(f"leanpix: standard input: larger than {MAX_SOURCE_BYTES >> 20} MB", err=True)
        return ExitCode.SOME_FAILED
    try:
        with engine_of(settings, is_isolated=is_isolated) as engine:
            result = engine.compress("standard input", source, asked_of(options, source))
    except TaskFailure as failure:
        typer.echo(f"leanpix: standard input: {failure}", err=True)
        return ExitCode.SOME_FAILED
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        return ExitCode.NO_ENGINE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    taken = is_wanted(source, result.data, options)
    if taken and result.lost:
        lost = ", ".join(kind.in_words for kind in result.lost)
        typer.echo(f"leanpix: the result is without {lost}", err=True)
    if taken and result.advice is not None:
        kind, likely = result.advice.format.value, shown_size(result.advice.likely_bytes)
        typer.echo(f"leanpix: as {kind} it would take about {likely} at the same look", err=True)
    sys.stdout.buffer.write(result.data if taken else source)
    sys.stdout.buffer.flush()
    return ExitCode.DONE
