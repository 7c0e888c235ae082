"""`leanpix watch`: what arrives in a folder, brought into another one or a bucket at once."""

from __future__ import annotations

from typing import Annotated

import typer

from leanpix.cli import sync as commands
from leanpix.cli.catalogue.watch import Pace, run_watch
from leanpix.cli.catalogue.work import OnTaken
from leanpix.cli.options import Exclude, Include, Jobs
from leanpix.cli.picture_options import options_or_exit


def watch(
    folder: Annotated[str, typer.Argument(help="The folder that is followed, with all below it.")],
    target: commands.Target,
    quality: commands.Quality = None,
    score: commands.Score = None,
    output_format: commands.Format = None,
    width: commands.Width = None,
    height: commands.Height = None,
    keep: commands.Keep = None,
    allow_loss: commands.AllowLoss = None,
    include: Include = None,
    exclude: Exclude = None,
    pictures_only: commands.PicturesOnly = False,
    delete: commands.Delete = False,
    on_conflict: commands.OnConflict = OnTaken.REFUSE,
    settle: Annotated[
        float, typer.Option(min=0.1, help="Seconds that a file has to be unchanged, and open for nobody's writing.")
    ] = 2,
    rescan: Annotated[float, typer.Option(min=1, help="Seconds between two looks at everything, both places.")] = 3600,
    poll: Annotated[
        float, typer.Option(min=0.2, help="The same, where the extra leanpix[watch] is not installed.")
    ] = 10,
    jobs: Jobs = None,
    state: commands.State = None,
    server: commands.Server = None,
    key: commands.Key = None,
    as_json: commands.AsJson = False,
) -> None:
    """Bring what arrives in a folder into another folder or a bucket, pictures compressed, as `leanpix sync` does.

    It catches up with what has changed while it did not run, then follows the folder until SIGTERM or Ctrl-C. A file
    that is still being written is waited for.

    Exit codes: 0 ended, 2 wrong usage, 3 nothing more can be done, such as where a store does not answer.
    """
    request, settings = commands.request_or_exit(
        folder,
        target,
        picture=options_or_exit(output_format, quality=quality, width=width, height=height, score=score, keep=keep),
        allow_loss=allow_loss,
        include=include,
        exclude=exclude,
        pictures_only=pictures_only,
        delete=delete,
        on_conflict=on_conflict,
        jobs=jobs,
        state=state,
        server=server,
        key=key,
        as_json=as_json,
    )
    raise typer.Exit(run_watch(request, Pace(settle, rescan, poll), settings))
