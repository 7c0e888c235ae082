"""`leanpix sync`: a folder or a bucket in another one, its pictures smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leanpix.cli.catalogue.sync import SyncRequest, run_sync
from leanpix.cli.catalogue.work import OnTaken
from leanpix.cli.compress import kinds_or_exit, options_or_exit
from leanpix.cli.options import Exclude, Include, Jobs, batch_settings_or_exit, default_jobs

# What `leanpix watch` takes as well.
Target = Annotated[str, typer.Argument(help="A folder, or s3://bucket/prefix, gs://... or az://...")]
Quality = Annotated[int | None, typer.Option("--quality", "-q", help="1-100, instead of automatic.")]
Score = Annotated[
    float | None, typer.Option("--score", help="The SSIMULACRA2 score that automatic quality keeps; default: 75.")
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        help="jpg, png, webp, avif or jxl, or several by commas, or `auto`: hat.jpg becomes hat.jpg.webp. "
        "Default: each stays as it is, and so do all names.",
    ),
]
Width = Annotated[int | None, typer.Option(help="Width in pixels; alone, proportions are kept.")]
Height = Annotated[int | None, typer.Option(help="Height in pixels; alone, proportions are kept.")]
Keep = Annotated[list[str] | None, typer.Option(help="What of a picture stays beside its pixels.")]
AllowLoss = Annotated[
    str | None,
    typer.Option(
        metavar="KINDS", help="Compress pictures though they lose these, such as animation; they are copied else."
    ),
]
PicturesOnly = Annotated[
    bool, typer.Option("--pictures-only", help="Leave out what has no picture's extension, instead of copying it.")
]
Delete = Annotated[
    bool, typer.Option("--delete", help="Remove from TARGET what an earlier run made of files that are gone.")
]
OnConflict = Annotated[
    OnTaken,
    typer.Option(help="Where TARGET has a file that no run has written, or that was changed: refuse, or replace."),
]
State = Annotated[
    Path | None, typer.Option(help="File that remembers what is done; default: in TARGET, else in the user's folder.")
]
Server = Annotated[
    str | None, typer.Option(help="Let this server compress, e.g. http://127.0.0.1:8000; default: LEANPIX_SERVER.")
]
Key = Annotated[str | None, typer.Option(help="The API key for it; better: LEANPIX_KEY.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a file, and a summary.")]


def sync(
    source: Annotated[str, typer.Argument(help="A folder, or s3://bucket/prefix, gs://... or az://...")],
    target: Target,
    quality: Quality = None,
    score: Score = None,
    output_format: Format = None,
    width: Width = None,
    height: Height = None,
    keep: Keep = None,
    allow_loss: AllowLoss = None,
    include: Include = None,
    exclude: Exclude = None,
    pictures_only: PicturesOnly = False,
    delete: Delete = False,
    on_conflict: OnConflict = OnTaken.REFUSE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; read and write nothing.")] = False,
    jobs: Jobs = None,
    state: State = None,
    force: Annotated[bool, typer.Option("--force", help="Do again what is done.")] = False,
    server: Server = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Bring every file of a folder or a bucket into another, pictures compressed.

    A picture that cannot get smaller, what is no picture, and a picture that cannot be compressed (it is named) are
    copied. What is done is remembered by ETag or time and by content: a further run transfers only what has changed,
    and one that was killed goes on where it was. Content type, cache headers and an object's own metadata are kept.

    Exit codes: 0 all done, 1 some files failed (they are named), 2 wrong usage, 3 nothing can be done here,
    130 interrupted.
    """
    options = options_or_exit(output_format, quality, None, width, height, score=score, keep=keep)
    settings = batch_settings_or_exit(workers=jobs, server=server, key=key)
    if settings.server is None:
        options = options.aiming_at(settings.target_score)
    request = SyncRequest(
        source,
        target,
        options,
        include or (),
        exclude or (),
        jobs=jobs or default_jobs(settings),
        state=state,
        pictures_only=pictures_only,
        deletes=delete,
        is_forgetful=force,
        is_dry=dry_run,
        as_json=as_json,
        on_taken=on_conflict,
        may_lose=kinds_or_exit(allow_loss),
    )
    raise typer.Exit(run_sync(request, settings))
