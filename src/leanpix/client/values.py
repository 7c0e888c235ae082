"""Sources, request options and results: the values of the client's calls."""

from __future__ import annotations

import difflib
import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, Protocol, TypedDict, runtime_checkable


@runtime_checkable
class Saveable(Protocol):
    """A picture in memory that can write itself, as Pillow's images do."""

    def save(self, fp: IO[bytes], format: str) -> None:  # noqa: A002 - Pillow's own name
        """Write it."""


@runtime_checkable
class Readable(Protocol):
    """An open file, or what reads like one."""

    def read(self) -> bytes:
        """What is left of it."""


Source = str | bytes | bytearray | memoryview | os.PathLike[str] | Readable | Saveable
"""A picture: its bytes, its path, its http(s) URL, which the server fetches, an open binary file, or one of Pillow's
images, which is sent as a PNG. Any other string is a path.
"""

Format = Literal["jpg", "png", "webp", "avif", "jxl"]
Kind = Format | Literal["zip"]


KeepContainer = Literal["exif", "xmp", "iptc", "resolution", "comment", "c2pa", "profile", "gainmap"]
Keep = Literal["copyright", "date", "gps", "camera", "all", "none"] | KeepContainer
"""What of a source's metadata, profile and gain map to keep."""


class RequestOptions(TypedDict, total=False):
    """What to make of a source: the contract's parameters; formats, target_score, fit, keep are leanpix's own.

    quality is 1-100, kbyte the largest size in KB; without either the server chooses. width and height in pixels.
    formats: of which the smallest is made. widths: in pixels; a set, each width in every format, is one ZIP, see
    Result.images. keep: kinds, or their names by commas. source_headers: Authorization,
    Cookie, Referer for a source that is a URL.
    """

    quality: int | None
    kbyte: int | None
    format: Format | Literal["auto"] | None
    formats: str | Sequence[Format] | None
    widths: str | Sequence[int] | None
    width: int | None
    height: int | None
    fit: Literal["fill", "inside", "contain", "cover"] | None
    target_score: float | None
    keep: str | Sequence[Keep] | None
    source_headers: Mapping[str, str] | None


def checked_options(given: Mapping[str, object]) -> None:
    """TypeError for an option that there is not, naming the one that may be meant."""
    known = RequestOptions.__annotations__
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f": did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
            raise TypeError(f"compress() has no option {name!r}{hint}")


def content_of(source: Source) -> tuple[str, bytes] | None:
    """The name and the bytes of a source that is in memory or open; None for a path or an address."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "picture", bytes(source)
    if isinstance(source, (str, os.PathLike)):
        return None
    if isinstance(source, Readable):
        content = source.read()
        if not isinstance(content, bytes):
            raise TypeError("an open file has to be a binary one: open it with 'rb'")
        name = getattr(source, "name", None)
        return (os.path.basename(name) if isinstance(name, str) else "picture"), content  # noqa: PTH119 - any text
    if isinstance(source, Saveable):
        written = io.BytesIO()
        source.save(written, "PNG")
        return "picture.png", written.getvalue()
    raise TypeError(f"{type(source).__name__} is no picture: give bytes, a path, a URL, an open file or a Pillow image")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of many pictures: exactly one of result and error is there."""

    source: Source
    result: Result | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is: state 1 has succeeded, below 0 failed, all else is under way; percent from 0 to 100."""

    state: int
    percent: int

    @property
    def is_final(self) -> bool:
        """Whether the task has ended, well or not."""
        return self.state == 1 or self.state < 0


class Advice(TypedDict):
    """Another format, and about what it would take at the same look, in bytes."""

    format: str
    likely_bytes: int


@dataclass(frozen=True, slots=True)
class SetImage:
    """One picture of a set: its bytes, format, sides in pixels, name in the ZIP, and its score if measured."""

    data: bytes = field(repr=False)
    format: Format
    width: int
    height: int
    name: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A compressed picture.

    report is what a leanpix server says about it (bytes, sides, score, encoder, warnings); empty elsewhere. credits
    is None where the server does not say.
    """

    data: bytes = field(repr=False)
    format: Kind
    task_id: str
    credits: int | None
    report: Mapping[str, object] = field(default_factory=dict)

    @property
    def score(self) -> float | None:
        """The SSIMULACRA2 score against the source, where the server measured it."""
        score = self.report.get("score")
        return float(score) if isinstance(score, (int, float)) else None

    @property
    def advice(self) -> Advice | None:
        """A format that was not asked for and would take less than half of the bytes, where the server knows one."""
        found = self.report.get("advice")
        if not isinstance(found, Mapping):
            return None
        kind, likely = found.get("format"), found.get("likely_bytes")
        return Advice(format=kind, likely_bytes=likely) if isinstance(kind, str) and isinstance(likely, int) else None

    def images(self) -> list[SetImage]:
        """The pictures of a set, the smallest width first; none of a single picture."""
        if self.format != "zip":
            return []
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            return [
                SetImage(
                    archive.read(one["name"]), one["format"], one["width"], one["height"], one["name"], one["score"]
                )
                for one in manifest["images"]
            ]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture, or a set's ZIP, to a file."""
        target = Path(path)
        target.write_bytes(self.data)
        return target


def format_of_whole(data: bytes) -> Kind | None:
    """The format of a picture that is there from its signature to its end; None for all else."""
    wholes: dict[Kind, bool] = {
        "jpg": data.startswith(b"\xff\xd8\xff") and data.rstrip(b"\0").endswith(b"\xff\xd9"),
        "png": data.startswith(b"\x89PNG\r\n\x1a\n") and data[-8:-4] == b"IEND",
        "webp": data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= int.from_bytes(data[4:8], "little") + 8,
        "avif": data[4:12] == b"ftypavif" and _boxes_end_at(data) == len(data),
        "jxl": data[4:12] == b"JXL \r\n\x87\n" and _boxes_end_at(data) == len(data),
        "zip": data.startswith(b"PK\x03\x04") and data[-22:-18] == b"PK\x05\x06",
    }
    return next((kind for kind, is_whole in wholes.items() if is_whole), None)


def _boxes_end_at(data: bytes) -> int:
    """Where the last of the boxes that begin in a file of boxes ends; beyond the file where it is cut short."""
    at = 0
    while at + 8 <= len(data):
        at += max(8, int.from_bytes(data[at : at + 4], "big"))
    return at
