"""`leanpix set`: several widths and formats of one picture, with a manifest and the HTML that shows them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from leanpix.cli.batch.batch import ExitCode
from leanpix.cli.batch.files import file_failure, write_whole
from leanpix.cli.batch.local import local_engine
from leanpix.cli.options import batch_settings_or_exit
from leanpix.cli.paths import is_folder, is_there
from leanpix.cli.picture_options import options_or_exit, usage_error
from leanpix.domain.errors import InvalidParameterError, SetupError, TaskFailure
from leanpix.domain.markup import FULL_WIDTH, picture_element

_MANIFEST = "manifest.json"


def picture_set(
    picture: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The picture, as large as there is one.")
    ],
    widths: Annotated[str, typer.Option("--widths", help="In pixels, by commas; none is enlarged.")] = "400,800,1600",
    formats: Annotated[
        str, typer.Option("--formats", "-f", help="By commas; each width is made in each of them.")
    ] = "avif,webp,jpg",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder; default: beside the picture.")] = None,
    quality: Annotated[int | None, typer.Option("--quality", "-q", help="1-100, instead of automatic.")] = None,
    score: Annotated[float | None, typer.Option("--score", help="The SSIMULACRA2 score that each width keeps.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="What of the source stays beside its pixels.")] = None,
    as_zip: Annotated[bool, typer.Option("--zip", help="One ZIP, NAME.zip, in place of the files.")] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print the <picture> element that shows them.")] = False,
    sizes: Annotated[str, typer.Option(help="Of the element: how wide the page shows it.")] = FULL_WIDTH,
    alt: Annotated[str, typer.Option(help="Of the element: what is to be seen, in words.")] = "",
) -> None:
    """Make several widths of a picture in several formats, from one decode, each from the whole picture.

    Files are NAME-WIDTH.FORMAT, and NAME.json says what they are, with a ThumbHash and the dominant colour to show
    before they are there.

    Exit codes: 0 done, 1 no picture could be made, 2 wrong usage, 3 nothing can be compressed here.
    """
    options = options_or_exit(formats, quality=quality, score=score, keep=keep, widths=_widths_or_exit(widths))
    settings = batch_settings_or_exit().model_copy(update={"server": None})
    folder = output or picture.parent
    if is_there(folder) and not is_folder(folder):
        raise usage_error(f"--output {folder} is a file and no folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with local_engine(settings, is_isolated=False) as engine:
            bundle = engine.compress(picture.name, picture.read_bytes(), options.aiming_at(settings.target_score)).data
        manifest = write_set(picture, folder, bundle, as_zip=as_zip)
    except TaskFailure as failure:
        typer.echo(f"leanpix: {picture}: {failure}", err=True)
        raise typer.Exit(ExitCode.SOME_FAILED) from failure
    except OSError as failure:
        typer.echo(f"leanpix: {file_failure(failure, folder)}", err=True)
        raise typer.Exit(ExitCode.SOME_FAILED) from failure
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(ExitCode.NO_ENGINE) from failure
    if as_html:
        typer.echo(picture_element(manifest, sizes=sizes, alt=alt))
        return
    for image in manifest["images"]:
        told = "" if image["score"] is None else f", score {image['score']:.0f}"
        typer.echo(f"{image['name']}  {image['width']} x {image['height']}, {image['bytes']:,} bytes{told}")


def _widths_or_exit(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdigit() for part in parts):
        failure = InvalidParameterError("widths", text, "pixels by commas, as 400,800,1600")
        typer.echo(f"leanpix: {failure}", err=True)
        raise typer.Exit(ExitCode.USAGE)
    return tuple(int(part) for part in parts)


def write_set(picture: Path, folder: Path, bundle: bytes, *, as_zip: bool) -> Mapping[str, Any]:
    """The files, named by their picture; the manifest with these names."""
    like = picture.stat()
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        manifest: dict[str, Any] = json.loads(archive.read(_MANIFEST))
        contents = {image["name"]: archive.read(image["name"]) for image in manifest["images"]}
    if as_zip:
        write_whole(folder / f"{picture.stem}.zip", bundle, like, keep_time=False, is_synced=False)
        return manifest
    for image in manifest["images"]:
        content, image["name"] = contents[image["name"]], f"{picture.stem}-{image['name']}"
        write_whole(folder / image["name"], content, like, keep_time=False, is_synced=False)
    text = (json.dumps(manifest, indent=2) + "\n").encode()
    write_whole(folder / f"{picture.stem}.json", text, like, keep_time=False, is_synced=False)
    return manifest
