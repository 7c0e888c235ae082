"""`leanpix check`: whether pictures are as small as they could be, for continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leanpix.cli.batch.batch import BatchRequest
from leanpix.cli.batch.check import Style, run_check
from leanpix.cli.batch.place import Placement, Where
from leanpix.cli.batch.select import Rules
from leanpix.cli.options import ByGitignore, Exclude, Include, Jobs, batch_settings_or_exit
from leanpix.cli.picture_options import options_or_exit


def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Pictures, and folders of pictures.")],
    max_waste: Annotated[
        float,
        typer.Option("--max-waste", min=0, max=100, help="How many percent of a picture's bytes may be there in vain."),
    ] = 10,
    style: Annotated[
        Style, typer.Option("--output-format", help="github: annotations that a workflow shows beside the files.")
    ] = Style.TEXT,
    score: Annotated[
        float | None,
        typer.Option("--score", help="The SSIMULACRA2 score that is kept; LEANPIX_TARGET_SCORE (75) if not given."),
    ] = None,
    quality: Annotated[int | None, typer.Option("--quality", "-q", help="1-100, instead of automatic.")] = None,
    include: Include = None,
    exclude: Exclude = None,
    gitignore: ByGitignore = True,
    state: Annotated[
        Path | None, typer.Option(help="File in which `leanpix compress` remembers what is done; it is only read.")
    ] = None,
    jobs: Jobs = None,
) -> None:
    """Say which pictures could be smaller by more than --max-waste percent, as `compress --in-place` would make them.

    Nothing is written. What that command has made, and what it would leave alone, is no finding.

    Exit codes: 0 none, 4 some (they are named), 1 some could not be read, 2 wrong usage, 3 nothing can be compressed
    here, 130 interrupted.
    """
    options = options_or_exit(quality=quality, score=score)
    settings = batch_settings_or_exit(workers=jobs).model_copy(update={"server": None})
    request = BatchRequest(
        paths,
        options.aiming_at(settings.target_score),
        Placement(Where.IN_PLACE),
        Rules(include or (), exclude or (), where=Where.IN_PLACE, by_gitignore=gitignore),
        jobs=jobs or max(1, settings.workers),
        state=state,
        is_dry=True,
    )
    raise typer.Exit(run_check(request, settings, max_waste, style))
