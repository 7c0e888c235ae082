"""What a source is, told by its header alone: format, size, frames, bands, orientation."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.formats import SourceFormat


@dataclass(frozen=True, slots=True)
class Probe:
    """What the header of a source says.

    width_px, height_px: the upright picture (orientation applied), the full canvas of an animation. orientation:
    the EXIF value, 1-8; it is still to be applied to the stored pixels. bands: of the decoded picture, alpha
    included (a palette counts as its colours, CMYK as 4). bits: of one sample as stored. quality: a JPEG's
    quality on libjpeg's scale, estimated from its quantisation table; None for anything else. is_lossless:
    whether the source's codec is. scans: passes over the pixels (progressive JPEG, interlaced PNG), else 1.
    """

    format: SourceFormat
    width_px: int
    height_px: int
    frames: int = 1
    has_alpha: bool = False
    orientation: int = 1
    bands: int = 3
    bits: int = 8
    has_profile: bool = False
    quality: int | None = None
    is_lossless: bool = False
    scans: int = 1

    @property
    def is_animated(self) -> bool:
        """Whether there is more than one frame."""
        return self.frames > 1

    @property
    def pixels(self) -> int:
        """Width x height of one frame."""
        return self.width_px * self.height_px
