"""`leanpix compress`: pictures and folders of pictures, here or by a server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from leanpix.cli.batch import pipe
from leanpix.cli.batch.batch import BatchRequest, run_batch, run_undo
from leanpix.cli.batch.place import Placement, Where
from leanpix.cli.batch.select import EXTENSIONS, Rules
from leanpix.cli.batch.work import OnConflict
from leanpix.cli.options import ByGitignore, Exclude, Include, Jobs, batch_settings_or_exit, default_jobs
from leanpix.cli.paths import is_file, is_folder, is_there, real_path
from leanpix.cli.picture_options import kinds_or_exit, options_or_exit, usage_error
from leanpix.domain.formats import OutputFormat, named
from leanpix.domain.holding import SHOWN
from leanpix.domain.keep import KEEP_WORDS
from leanpix.domain.request import Fit


def compress(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...", help="Pictures, and folders of pictures; - alone: standard input to standard output."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Mirror the tree into this folder, kept pictures included; or, of one picture, the result's own name "
            "with its extension, which then is its format.",
        ),
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace each picture by its smaller result.")] = False,
    backup: Annotated[
        Path | None, typer.Option(help="With --in-place: keep each original in this folder before it is replaced.")
    ] = None,
    allow_loss: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS",
            help="With --in-place: replace pictures though they lose these, by commas: "
            + ", ".join(sorted(SHOWN))
            + ". Without it they are left alone.",
        ),
    ] = None,
    undo: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Put the originals of a --backup folder back, and end.")
    ] = None,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(
            help="Where a result's name is taken by a file that no run has made: refuse, or number the result."
        ),
    ] = OnConflict.REFUSE,
    quality: Annotated[int | None, typer.Option("--quality", "-q", help="1-100, instead of automatic.")] = None,
    max_kb: Annotated[int | None, typer.Option("--max-kb", help="The best picture of at most so many KB.")] = None,
    score: Annotated[
        float | None,
        typer.Option(
            "--score",
            help="The SSIMULACRA2 score that automatic quality keeps; LEANPIX_TARGET_SCORE (75) if not given.",
        ),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help=f"{named(OutputFormat)}, or several by commas or `auto` (jpg,png,webp) for the smallest of them; "
            "default: as it is, else recommended.",
        ),
    ] = None,
    width: Annotated[int | None, typer.Option(help="Width in pixels; alone, proportions are kept.")] = None,
    height: Annotated[int | None, typer.Option(help="Height in pixels; alone, proportions are kept.")] = None,
    fit: Annotated[Fit, typer.Option(help="How both sides are met.")] = Fit.FILL,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KINDS",
            help=f"What to keep of metadata, profile and gain map, by commas: {', '.join(KEEP_WORDS)}. Each adds to "
            "profile and gainmap, which are kept by default; none takes those away. Repeatable.",
        ),
    ] = None,
    include: Include = None,
    exclude: Exclude = None,
    files_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Take the files that this one names as well, a line each or with NULs between; - is standard input.",
        ),
    ] = None,
    gitignore: ByGitignore = True,
    follow_links: Annotated[bool, typer.Option("--follow-links", help="Go through symbolic links in folders.")] = False,
    jobs: Jobs = None,
    state: Annotated[
        Path | None,
        typer.Option(help="File that remembers what is done; default: in OUTPUT, else in the user's folder."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do again what is done.")] = False,
    touch: Annotated[bool, typer.Option("--touch", help="Give results the present time, not their source's.")] = False,
    server: Annotated[
        str | None, typer.Option(help="Let this server compress, e.g. http://127.0.0.1:8000; default: LEANPIX_SERVER.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The API key for it; better: LEANPIX_KEY.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compress, but write nothing: what would be saved?")
    ] = False,
    isolate: Annotated[
        bool, typer.Option("--isolate", help="A fresh process for each picture: slower, for strangers' pictures.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write one HTML page: totals, savings, best and worst side by side.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a picture, and a summary.")] = False,
) -> None:
    """Compress pictures and folders of pictures.

    Without --output or --in-place, results go beside their sources as NAME.min.EXT. No file is ever replaced by a
    larger one, and none that no run of this command made; with --output, a picture that cannot get smaller, or cannot
    be compressed, is copied. Quality is automatic unless asked for.
    What is done is remembered by content and options: an interrupted batch goes on where it was, and a result is
    never compressed again. Hidden files, and in folders everything without a picture's extension, are left out.

    A lone - takes a picture from standard input and writes one to standard output.

    Exit codes: 0 all done, 1 some pictures failed (they are named), 2 wrong usage, 3 nothing can be compressed
    here, 130 interrupted.
    """
    if undo is not None:
        raise typer.Exit(run_undo(undo, is_json=as_json))
    if not paths and files_from is None:
        raise usage_error("name the pictures or folders to compress")
    paths = paths or []
    is_pipe = Path(pipe.NAME) in paths
    if is_pipe and (len(paths) > 1 or output or in_place or files_from or report or as_json or dry_run):
        raise usage_error("- is standard input to standard output: no other path goes with it, and no place or report")
    if backup is not None and not in_place:
        raise usage_error("--backup is for --in-place: elsewhere no original is replaced")
    if report is not None:
        _have_place(report)
    placement = _placement(paths, output, in_place=in_place, is_listed=files_from is not None)
    if placement.name is not None:
        output_format = _format_by_name(Path(placement.name), output_format)
    options = options_or_exit(
        output_format, quality=quality, max_kb=max_kb, width=width, height=height, fit=fit, score=score, keep=keep
    )
    apart = output if placement.is_tree else backup
    outside = None if apart is None else real_path(apart)
    rules = Rules(include or (), exclude or (), follow_links, outside, placement.where, gitignore)
    settings = batch_settings_or_exit(workers=jobs, server=server, key=key)
    if settings.server is not None and dry_run:
        raise usage_error("--dry-run would cost credits on a server; run it here")
    if settings.server is None:
        options = options.aiming_at(settings.target_score)  # here, for what is remembered is remembered with its target
    if is_pipe:
        raise typer.Exit(pipe.run_pipe(options, settings, is_isolated=isolate))
    request = BatchRequest(
        paths,
        options,
        placement,
        rules,
        jobs=jobs or default_jobs(settings),
        state=state,
        is_forgetful=force,
        keep_time=not touch,
        is_dry=dry_run,
        as_json=as_json,
        report=report,
        is_isolated=isolate,
        on_conflict=on_conflict,
        backup=backup,
        may_lose=kinds_or_exit(allow_loss),
        listed=() if files_from is None else _listed(files_from),
    )
    raise typer.Exit(run_batch(request, settings))


def _have_place(report: Path) -> None:
    """Exit code 2 where no page can be written under this name: to be told before the work, not after it."""
    if not is_folder(real_path(report).parent):
        raise usage_error(f"--report: there is no folder {report.parent}")
    if is_folder(report):
        raise usage_error(f"--report {report} is a folder: name the page")


def _placement(paths: list[Path], output: Path | None, *, in_place: bool, is_listed: bool) -> Placement:
    if output is None:
        return Placement(Where.IN_PLACE if in_place else Where.BESIDE)
    if in_place:
        raise usage_error("--output and --in-place exclude each other")
    if str(output) == pipe.NAME:
        raise usage_error("standard output is written from standard input: leanpix compress - < PICTURE > RESULT")
    if output.suffix[1:].lower() in EXTENSIONS and not is_folder(output):
        if len(paths) != 1 or is_listed or is_folder(paths[0]):
            raise usage_error(f"--output {output} is one picture's name: of several pictures name a folder")
        if real_path(output) == real_path(paths[0]):
            raise usage_error("--output is the picture itself: use --in-place to replace it")
        return Placement(Where.MIRROR, output.parent, output.name)
    if is_there(output) and not is_folder(output):
        raise usage_error(f"--output {output} is a file and no folder")
    if real_path(output) in {real_path(path).parent if is_file(path) else real_path(path) for path in paths}:
        raise usage_error("--output is where the pictures are: use --in-place to replace them")
    return Placement(Where.MIRROR, output)


def _format_by_name(name: Path, asked: str | None) -> str:
    """The format that a result's name says; exit code 2 where it says none, or another was asked for."""
    kind = {"jpe": "jpg", "jfif": "jpg"}.get(name.suffix[1:].lower(), name.suffix[1:].lower())
    try:
        said = OutputFormat.parse(kind)
    except ValueError:
        raise usage_error(f"--output {name}: results are written as {named(OutputFormat)}") from None
    if asked is not None and asked.lower() not in {said.value, kind}:
        raise usage_error(f"--output {name} is {said.value}, and --format says {asked}")
    return said.value


def _listed(file: Path) -> list[Path]:
    """The files that a list names, an empty line none."""
    try:
        content = sys.stdin.buffer.read() if str(file) == pipe.NAME else file.read_bytes()
    except OSError as failure:
        raise usage_error(f"--files-from {file}: {failure.strerror}") from failure
    names = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [Path(os.fsdecode(name)) for name in names if name]
