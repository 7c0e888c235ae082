"""The tools: compress, score, set, formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from threading import Semaphore
from typing import Any, NotRequired, TypedDict

import httpx

from leanpix.cli.batch.files import read_file, write_whole
from leanpix.cli.batch.items import Source
from leanpix.cli.batch.place import Placement, Where
from leanpix.cli.batch.work import MAX_SOURCE_BYTES, ScoringEngine, asked_of, is_wanted
from leanpix.cli.paths import is_there
from leanpix.cli.picture_options import picture_options
from leanpix.cli.picture_set import write_set
from leanpix.cli.tools.roots import PathRefusedError, Roots
from leanpix.domain.formats import OutputFormat
from leanpix.domain.markup import FULL_WIDTH, picture_element
from leanpix.web.routes.formats import shown_formats

_FORMATS_TIMEOUT_S = 30


class Compressed(TypedDict):
    """What became of a picture. output: absent where nothing was written."""

    path: str
    output: NotRequired[str]
    bytes_before: int
    bytes_after: int
    score: float | None
    lost: list[str]
    message: str


class Scored(TypedDict):
    """How a picture looks beside its reference: 100 is identical. worst: the place that looks worst, in pixels."""

    score: float | None
    worst: dict[str, Any] | None
    warnings: list[str]


class MadeSet(TypedDict):
    """A set of sizes: what lies in the folder, and the HTML that shows it."""

    folder: str
    images: list[dict[str, Any]]
    html: str


@dataclass(frozen=True, slots=True)
class PictureTools:
    """Tools over the files of some folders. Thread-safe.

    engine compresses, scores and makes sets. turns: bounds the pictures under way.
    formats_of: what a server says of its formats; None: this installation's are told.
    """

    roots: Roots
    engine: ScoringEngine
    turns: Semaphore
    target_score: float
    formats_of: Callable[[], dict[str, Any]] | None = None

    def compress(
        self,
        path: str,
        output: str | None = None,
        format: str | None = None,  # noqa: A002 - the name people know
        quality: int | None = None,
        target_score: float | None = None,
        max_kb: int | None = None,
        width: int | None = None,
        height: int | None = None,
        replace: bool = False,
    ) -> Compressed:
        """Compress a picture file as far as it still looks the same, by the SSIMULACRA2 metric.

        path: the picture. output: where the result goes; without it beside the picture, as NAME.min.EXT.
        format: jpg, png, webp, avif or jxl, several by commas, or auto for the smallest of jpg, png and webp; default:
        as it is. quality (1-100) or max_kb instead of automatic quality, which keeps target_score (75).
        width, height: in pixels; one alone keeps the proportions. replace: output may be a file that is there, such
        as the picture itself. A result that would be larger than the picture is not written.
        """
        source = self.roots.file(path)
        _, content = read_file(source, MAX_SOURCE_BYTES)
        options = picture_options(
            format, quality=quality, max_kb=max_kb, width=width, height=height, score=target_score
        )
        with self.turns:
            result = self.engine.compress(source.name, content, asked_of(options, content))
        answer = Compressed(
            path=str(source),
            bytes_before=len(content),
            bytes_after=len(result.data),
            score=result.score,
            lost=[kind.in_words for kind in result.lost],
            message="",
        )
        if not is_wanted(content, result.data, options):
            return answer | {"bytes_after": len(content), "message": "as small as it gets: nothing was written"}
        target = self._target(source, content, result.data, output)
        if is_there(target) and not replace:
            raise PathRefusedError(f"{target} is there already: ask for replace, or name another output")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, result.data, source.stat(), keep_time=False, is_synced=True)
        return answer | {"output": str(target)}

    def score(self, reference: str, picture: str) -> Scored:
        """Say how close a picture looks to its reference, by SSIMULACRA2, and where it looks worst.

        100 is identical, 90 cannot be told apart, 75 is what automatic quality keeps, 30 is low. Both have to have the
        same sides.
        """
        contents = [read_file(self.roots.file(one), MAX_SOURCE_BYTES)[1] for one in (reference, picture)]
        with self.turns:
            report = self.engine.score(*contents)
        return Scored(score=report.get("score"), worst=report.get("worst"), warnings=list(report.get("warnings") or ()))

    def picture_set(
        self,
        path: str,
        folder: str | None = None,
        widths: list[int] | None = None,
        formats: str = "avif,webp,jpg",
        target_score: float | None = None,
        sizes: str = FULL_WIDTH,
        alt: str = "",
    ) -> MadeSet:
        """Make several widths of a picture in several formats, with the HTML <picture> element that shows them.

        widths: in pixels, by default 400, 800 and 1600; none is enlarged. Files are NAME-WIDTH.FORMAT in folder, by
        default beside the picture, with NAME.json, which lists them; files of these names are replaced.
        sizes, alt: of the element.
        """
        source = self.roots.file(path)
        place = self.roots.place(folder) if folder is not None else source.parent
        options = picture_options(
            formats, score=target_score or self.target_score, widths=tuple(widths or (400, 800, 1600))
        )
        _, content = read_file(source, MAX_SOURCE_BYTES)
        with self.turns:
            bundle = self.engine.compress(source.name, content, options).data
        place.mkdir(parents=True, exist_ok=True)
        manifest = write_set(source, place, bundle, as_zip=False)
        html = picture_element(manifest, sizes=sizes, alt=alt)
        return MadeSet(folder=str(place), images=list(manifest["images"]), html=html)

    def formats(self) -> dict[str, Any]:
        """List the formats that pictures may come in, and those that results can be written in, and what each keeps."""
        if self.formats_of is not None:
            return self.formats_of()
        return dict(shown_formats(tuple(OutputFormat), MAX_SOURCE_BYTES)["data"])

    def _target(self, source: Path, before: bytes, after: bytes, output: str | None) -> Path:
        if output is not None:
            return self.roots.place(output)
        made = OutputFormat.of(after)
        new_format = None if made is OutputFormat.of(before) else made
        return Placement(Where.BESIDE).target(Source(source, PurePath(source.name)), new_format)


def server_formats(server: str, key: str) -> dict[str, Any]:
    """What a server reads and writes; httpx.HTTPError."""
    answer = httpx.get(f"{server.rstrip('/')}/v1/formats", headers={"X-API-KEY": key}, timeout=_FORMATS_TIMEOUT_S)
    return dict(answer.raise_for_status().json()["data"])
