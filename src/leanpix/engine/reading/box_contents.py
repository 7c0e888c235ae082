"""What a result's boxes hold beside its picture: the items of an AVIF, the boxes of a JPEG XL."""

from __future__ import annotations

from collections.abc import Iterator

from leanpix.domain.holding import Holding
from leanpix.engine.reading.exif_contents import of_exif, of_xmp
from leanpix.engine.reading.headers.boxes import boxes, items

_EXIF_OFFSET_BYTES = 4


def of_avif(data: bytes) -> Iterator[set[Holding]]:
    """EXIF and XMP are items."""
    for item in items(data):
        content = data[item.start : item.start + item.size]
        if item.kind == b"Exif":
            yield of_exif(content[_EXIF_OFFSET_BYTES:])
        elif item.kind == b"mime":
            yield of_xmp(content)


def of_jxl(data: bytes) -> Iterator[set[Holding]]:
    """EXIF and XMP are boxes of their own."""
    for one in boxes(data):
        content = data[one.content : one.end]
        if one.kind == b"Exif":
            yield of_exif(content[_EXIF_OFFSET_BYTES:])
        elif one.kind == b"xml ":
            yield of_xmp(content)
