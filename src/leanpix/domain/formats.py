"""The picture formats this service reads and writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """What a format is, whoever writes it.

    signature: bytes, and where in a file they are. is_lossy_with_alpha: both at once, so that it stands in for a PNG.
    is_lossless_only: it codes the pixels it is given, so that it is made smaller by fewer colours alone.
    """

    media_type: str
    signature: tuple[tuple[int, bytes], ...]
    has_alpha: bool = True
    is_animated: bool = False
    is_lossy_with_alpha: bool = False
    is_lossless_only: bool = False
    has_target_size: bool = True


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a source a result is to show beside the pixels of its first frame: all frames, transparency."""

    frames: bool = False
    alpha: bool = True


class OutputFormat(StrEnum):
    """A format that results are written in; the value is also the file name's extension. Its facts: _FACTS."""

    JPG = "jpg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    JXL = "jxl"

    @property
    def facts(self) -> FormatFacts:
        """What the format is."""
        return _FACTS[self]

    @property
    def media_type(self) -> str:
        """The format's registered media type."""
        return self.facts.media_type

    def begins(self, content: bytes | memoryview) -> bool:
        """Whether the content begins as files of this format do."""
        return all(content[at : at + len(part)] == part for at, part in self.facts.signature)

    @classmethod
    def of(cls, content: bytes) -> OutputFormat | None:
        """The format that these bytes are in; None for any other, or for no picture."""
        return next((kind for kind in cls if kind.begins(content)), None)

    @classmethod
    def parse(cls, text: str) -> OutputFormat:
        """Read a format's name in any case; `jpeg` is `jpg`. ValueError for anything else."""
        name = text.lower()
        return cls("jpg" if name == "jpeg" else name)


_FACTS = {
    OutputFormat.JPG: FormatFacts("image/jpeg", ((0, b"\xff\xd8\xff"),), has_alpha=False),
    OutputFormat.PNG: FormatFacts("image/png", ((0, PNG_SIGNATURE),), is_lossless_only=True, has_target_size=False),
    OutputFormat.WEBP: FormatFacts(
        "image/webp", ((0, b"RIFF"), (8, b"WEBP")), is_animated=True, is_lossy_with_alpha=True
    ),
    # A box `ftyp`, its length before and its brand after the name.
    OutputFormat.AVIF: FormatFacts("image/avif", ((0, b"\0\0\0"), (4, b"ftypavif")), is_lossy_with_alpha=True),
    OutputFormat.JXL: FormatFacts("image/jxl", ((0, b"\0\0\0\x0cJXL \r\n\x87\n"),), is_lossy_with_alpha=True),
}

STANDARD_FORMATS = (OutputFormat.JPG, OutputFormat.PNG, OutputFormat.WEBP)
"""What every installation writes, and all that is ever chosen for a request that names no format."""

EXTRA_FORMATS = tuple(kind for kind in OutputFormat if kind not in STANDARD_FORMATS)
"""Written for requests that name them, where the installation has what writes them and did not turn them off."""


MAP_FORMAT = OutputFormat.PNG
"""Of the map of a comparison: every pixel as it is, and every program reads it."""


def named(kinds: Iterable[str]) -> str:
    """Formats as a message names them: `jpg, png or webp`."""
    *others, last = kinds
    return f"{', '.join(others)} or {last}" if others else last


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
        return _SAME_OUTPUTS.get(self)

    @property
    def default_output(self) -> OutputFormat | None:
        """The same where a request names no format: only what every installation writes is chosen for it."""
        return self.same_output if self.same_output in STANDARD_FORMATS else None

    def keeps_frames_in(self, target: OutputFormat) -> bool:
        """Whether an animation of this format stays one: in WebP every one that is read whole, in PNG those of PNG."""
        if self in _FIRST_PICTURES:
            return False
        return target is OutputFormat.WEBP or (target is OutputFormat.PNG and self is SourceFormat.PNG)

    def kept_in(self, target: OutputFormat) -> Kept:
        """What of a source of this format the target can show."""
        return Kept(frames=self.keeps_frames_in(target), alpha=target.facts.has_alpha)


_SAME_OUTPUTS = {SourceFormat(one.value): one for one in OutputFormat}
_FIRST_PICTURES = frozenset({SourceFormat.AVIF, SourceFormat.JXL, SourceFormat.HEIC})
"""Of whose sequences the first picture is read."""
