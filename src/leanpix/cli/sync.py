"""`leanpix sync`: a folder or a bucket in another one, its pictures smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leanpix.batch_settings import BatchSettings
from leanpix.cli.catalogue.sync import SyncRequest, run_sync
from leanpix.cli.catalogue.work import OnTaken
from leanpix.cli.options import Exclude, Include, Jobs, batch_settings_or_exit, default_jobs
from leanpix.cli.picture_options import kinds_or_exit, options_or_exit
from leanpix.domain.request import CompressionOptions

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
    request, settings = request_or_exit(
        source,
        target,
        picture=options_or_exit(output_format, quality=quality, width=width, height=height, score=score, keep=keep),
        allow_loss=allow_loss,
        include=include,
        exclude=exclude,
        pictures_only=pictures_only,
        delete=delete,
        on_conflict=on_conflict,
        dry_run=dry_run,
        jobs=jobs,
        state=state,
        force=force,
        server=server,
        key=key,
        as_json=as_json,
    )
    raise typer.Exit(run_sync(request, settings))


def request_or_exit(
    source: str,
    target: str,
    *,
    picture: CompressionOptions,
    allow_loss: str | None,
    include: list[str] | None,
    exclude: list[str] | None,
    pictures_only: bool,
    delete: bool,
    on_conflict: OnTaken,
    jobs: int | None,
    state: Path | None,
    server: str | None,
    key: str | None,
    as_json: bool,
    dry_run: bool = False,
    force: bool = False,
) -> tuple[SyncRequest, BatchSettings]:
    """What is to be brought where, and by which settings; or a message on standard error and exit code 2."""
    settings = batch_settings_or_exit(workers=jobs, server=server, key=key)
    request = SyncRequest(
        source,
        target,
        picture if settings.server is not None else picture.aiming_at(settings.target_score),
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
    return request, settings
