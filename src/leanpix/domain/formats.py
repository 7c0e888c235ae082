"""The picture formats this service reads and writes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class OutputFormat(StrEnum):
    """A format that results are written in; the value is also the file name's extension."""

    JPG = "jpg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    JXL = "jxl"

    @property
    def media_type(self) -> str:
        """The format's registered media type."""
        return "image/jpeg" if self is OutputFormat.JPG else f"image/{self.value}"

    @classmethod
    def parse(cls, text: str) -> OutputFormat:
        """Read a format's name in any case; `jpeg` is `jpg`. ValueError for anything else."""
        name = text.lower()
        return cls("jpg" if name == "jpeg" else name)


STANDARD_FORMATS = (OutputFormat.JPG, OutputFormat.PNG, OutputFormat.WEBP)
"""What every installation writes, and all that is ever chosen for a request that names no format."""


def named(kinds: Iterable[str]) -> str:
    """Formats as a message names them: `jpg, png or webp`."""
    *others, last = kinds
    return f"{', '.join(others)} or {last}" if others else last


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class SourceFormat(StrEnum):
    """What the bytes of a source are, judged by the bytes and never by a name or a content type."""

    JPG = "jpg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    BMP = "bmp"
    TIFF = "tiff"
    SGI = "sgi"
    RAW = "raw"
    AVIF = "avif"
    JXL = "jxl"
    HEIC = "heic"

    @property
    def same_output(self) -> OutputFormat | None:
        """The output format that keeps this source's format, or None where results cannot be written in it."""
        return OutputFormat(self.value) if self.value in OutputFormat._value2member_map_ else None

    @property
    def default_output(self) -> OutputFormat | None:
        """The same where a request names no format: only what every installation writes is chosen for it."""
        return self.same_output if self.same_output in STANDARD_FORMATS else None

    def keeps_frames_in(self, target: OutputFormat) -> bool:
        """Whether an animation of this format stays one: in WebP every one that is read whole, in PNG those of PNG."""
        if self in _FIRST_PICTURES:
            return False
        return target is OutputFormat.WEBP or (target is OutputFormat.PNG and self is SourceFormat.PNG)


_FIRST_PICTURES = frozenset({SourceFormat.AVIF, SourceFormat.JXL, SourceFormat.HEIC})
"""Of whose sequences the first picture is read."""
