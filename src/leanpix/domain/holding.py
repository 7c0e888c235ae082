"""What a picture's file can hold beside plain 8-bit pixels."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Holding(StrEnum):
    """A kind of content. The order is the one in which losses are told: what is seen first, then what is known."""

    ANIMATION = "animation"
    PAGES = "pages"
    ALPHA = "alpha"
    GAIN_MAP = "gainmap"
    HDR = "hdr"
    BIT_DEPTH = "bit_depth"
    DEPTH_MAP = "depth_map"
    LIVE_PHOTO = "live_photo"
    PREVIEW = "preview"
    PROFILE = "profile"
    RESOLUTION = "resolution"
    COPYRIGHT = "copyright"
    DATE = "date"
    GPS = "gps"
    CAMERA = "camera"
    EXIF = "exif"
    XMP = "xmp"
    IPTC = "iptc"
    C2PA = "c2pa"
    COMMENT = "comment"
    OTHER = "other"

    @property
    def in_words(self) -> str:
        """For people."""
        return _WORDS.get(self, self.value)


_WORDS = {
    Holding.PAGES: "further pages or pictures",
    Holding.ALPHA: "transparency",
    Holding.GAIN_MAP: "the HDR gain map",
    Holding.HDR: "the HDR transfer function",
    Holding.BIT_DEPTH: "more than 8 bits a sample",
    Holding.DEPTH_MAP: "the depth map",
    Holding.LIVE_PHOTO: "the moving part of a live photo",
    Holding.PREVIEW: "embedded previews",
    Holding.PROFILE: "the colour profile (its colours were converted)",
    Holding.RESOLUTION: "the resolution in dots per inch",
    Holding.COPYRIGHT: "copyright and author",
    Holding.DATE: "dates",
    Holding.GPS: "the place where it was taken",
    Holding.CAMERA: "camera and exposure",
    Holding.EXIF: "other EXIF fields",
    Holding.XMP: "XMP",
    Holding.IPTC: "IPTC",
    Holding.C2PA: "content credentials (C2PA)",
    Holding.COMMENT: "comments",
    Holding.OTHER: "other metadata",
}

SHOWN = frozenset(
    {
        Holding.ANIMATION,
        Holding.PAGES,
        Holding.ALPHA,
        Holding.GAIN_MAP,
        Holding.HDR,
        Holding.DEPTH_MAP,
        Holding.LIVE_PHOTO,
    }
)
"""What a file shows or does, and not only knows: no original is replaced by a result that has lost one of these."""


def in_order(holdings: Iterable[Holding]) -> tuple[Holding, ...]:
    """Each once, in the order in which they are told."""
    found = frozenset(holdings)
    return tuple(one for one in Holding if one in found)
