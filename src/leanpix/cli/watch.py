"""`leanpix watch`: what arrives in a folder, brought into another one or a bucket at once."""

from __future__ import annotations

from typing import Annotated

import typer

from leanpix.cli import sync as commands
from leanpix.cli.catalogue.sync import SyncRequest
from leanpix.cli.catalogue.watch import Pace, run_watch
from leanpix.cli.catalogue.work import OnTaken
from leanpix.cli.compress import kinds_or_exit, options_or_exit
from leanpix.cli.options import Exclude, Include, Jobs, batch_settings_or_exit, default_jobs


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
    options = options_or_exit(output_format, quality, None, width, height, score=score, keep=keep)
    settings = batch_settings_or_exit(workers=jobs, server=server, key=key)
    if settings.server is None:
        options = options.aiming_at(settings.target_score)
    request = SyncRequest(
        folder,
        target,
        options,
        include or (),
        exclude or (),
        jobs=jobs or default_jobs(settings),
        state=state,
        pictures_only=pictures_only,
        deletes=delete,
        as_json=as_json,
        on_taken=on_conflict,
        may_lose=kinds_or_exit(allow_loss),
    )
    raise typer.Exit(run_watch(request, Pace(settle, rescan, poll), settings))
