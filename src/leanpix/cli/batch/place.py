"""Where results go: into a mirrored tree, in the place of their sources, or beside them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path, PurePath

from leanpix.cli.batch.items import Source
from leanpix.domain.formats import PNG_SIGNATURE, OutputFormat


class Where(Enum):
    """The three places."""

    MIRROR = auto()
    IN_PLACE = auto()
    BESIDE = auto()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where results go; folder is the mirrored tree's."""

    where: Where
    folder: Path | None = None

    def target(self, source: Source, new_format: OutputFormat | None) -> Path:
        """The result's path. new_format None: the source's own, so the extension stays as it is written."""
        name = _named(source, new_format)
        if self.where is Where.BESIDE:
            name = f"{PurePath(name).stem}.min{PurePath(name).suffix}"
        if self.folder is None:
            return source.path.with_name(name)
        return self.folder / source.relative.with_name(name)


def _named(source: Source, new_format: OutputFormat | None) -> str:
    name = PurePath(source.relative.name)
    if new_format is None:
        return name.name
    return f"{name.name if source.has_twin else name.stem}.{new_format.value}"


def format_of(content: bytes) -> OutputFormat | None:
    """The output format that these bytes are in; None for any other, or for no picture."""
    if content.startswith(b"\xff\xd8\xff"):
        return OutputFormat.JPG
    if content.startswith(PNG_SIGNATURE):
        return OutputFormat.PNG
    if content[4:12] == b"ftypavif":
        return OutputFormat.AVIF
    if content[:12] == b"\0\0\0\x0cJXL \r\n\x87\n":
        return OutputFormat.JXL
    return OutputFormat.WEBP if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None
