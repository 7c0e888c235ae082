"""What boxes hold beside a picture: the items of an AVIF or a HEIC, the boxes of a JPEG XL."""

from __future__ import annotations

from collections.abc import Iterator

from leanpix.domain.holding import Holding
from leanpix.engine.facts import Limits
from leanpix.engine.reading.exif_contents import of_exif, of_xmp
from leanpix.engine.reading.headers import heif, jxl
from leanpix.engine.reading.headers.boxes import boxes, items


def of_heif(data: bytes) -> Iterator[set[Holding]]:
    """EXIF and XMP are items; colours, alpha and what is derived from the picture are told by its properties."""
    for item in items(data):
        content = data[item.start : item.start + item.size]
        if item.kind == b"Exif":
            yield of_exif(jxl.exif_content(content))
        elif item.kind == b"mime":
            yield of_xmp(content)
        elif item.kind == b"tmap":
            yield {Holding.GAIN_MAP}
    if any(one.kind in {b"uuid", b"jumb"} and b"c2pa" in data[one.content : one.content + 256] for one in boxes(data)):
        yield {Holding.C2PA}
    found = heif.described(data)
    yield {Holding.ANIMATION} if found.frames > 1 else set()
    yield {Holding.PROFILE} if found.profile is not None else set()
    yield {Holding.HDR} if found.is_high_range else set()
    yield {Holding.GAIN_MAP} if found.has_gain_map else set()
    yield {Holding.DEPTH_MAP} if found.has_depth_map else set()


def of_jxl(data: bytes) -> Iterator[set[Holding]]:
    """EXIF and XMP are boxes of their own; packed ones count as both."""
    for one in boxes(data):
        content = data[one.content : one.end]
        match one.kind:
            case b"Exif":
                yield of_exif(jxl.exif_content(content))
            case b"xml ":
                yield of_xmp(content)
            case b"brob":
                yield {_PACKED.get(content[:4], Holding.OTHER)}
            case b"jumb":
                yield {Holding.C2PA if b"c2pa" in content[:256] else Holding.OTHER}
            case b"jhgm":
                yield {Holding.GAIN_MAP}
    yield {Holding.ANIMATION} if jxl.read(data, Limits()).is_animated else set()


_PACKED = {b"Exif": Holding.OTHER, b"xml ": Holding.XMP, b"jumb": Holding.C2PA}
