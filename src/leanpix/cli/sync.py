"""`leanpix sync`: a folder or a bucket in another one, its pictures smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leanpix.cli.catalogue.sync import SyncRequest, run_sync
from leanpix.cli.catalogue.work import OnTaken
from leanpix.cli.compress import kinds_or_exit, options_or_exit
from leanpix.cli.options import batch_settings_or_exit, default_jobs

Source = Annotated[str, typer.Argument(help="A folder, or s3://bucket/prefix, gs://... or az://...")]
Target = Annotated[str, typer.Argument(help="The same; every file of SOURCE gets its place here.")]


def sync(
    source: Source,
    target: Target,
    quality: Annotated[int | None, typer.Option("--quality", "-q", help="1-100, instead of automatic.")] = None,
    score: Annotated[
        float | None,
        typer.Option("--score", help="The SSIMULACRA2 score that automatic quality keeps; default: 75."),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="jpg, png, webp, avif or jxl, or several by commas, or `auto`: hat.jpg becomes hat.jpg.webp. "
            "Default: each stays as it is, and so do all names.",
        ),
    ] = None,
    width: Annotated[int | None, typer.Option(help="Width in pixels; alone, proportions are kept.")] = None,
    height: Annotated[int | None, typer.Option(help="Height in pixels; alone, proportions are kept.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="What of a picture stays beside its pixels.")] = None,
    allow_loss: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS", help="Compress pictures though they lose these, such as animation; they are copied else."
        ),
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="Take only names or paths like this, e.g. '*.jpg'; repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave out files like this, and never delete them; repeatable.")
    ] = None,
    pictures_only: Annotated[
        bool, typer.Option("--pictures-only", help="Leave out what has no picture's extension, instead of copying it.")
    ] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove from TARGET what an earlier run made of files that are gone.")
    ] = False,
    on_conflict: Annotated[
        OnTaken,
        typer.Option(help="Where TARGET has a file that no run has written, or that was changed: refuse, or replace."),
    ] = OnTaken.REFUSE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; read and write nothing.")] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Pictures compressed at a time; default: one a core.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="File that remembers what is done; default: in TARGET, else in the user's folder."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do again what is done.")] = False,
    server: Annotated[
        str | None, typer.Option(help="Let this server compress, e.g. http://127.0.0.1:8000; default: LEANPIX_SERVER.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The API key for it; better: LEANPIX_KEY.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a file, and a summary.")] = False,
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
