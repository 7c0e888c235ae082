"""A gain map beside a JPEG: a second JPEG behind it, with the index (MPF) and the directory that lead to it.

CIPA DC-007 for the index, Ultra HDR 1.1 for the XMP directory, ISO 21496-1 for the segments. A file that carries both
the XMP and the ISO form is read by all.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from leanpix.engine.codecs.jpeg.icc_segments import after_jfif
from leanpix.engine.reading.headers import jpeg

_APP1 = 0xE1
_MPF = b"MPF\0"
_PRIMARY = 0x030000
_INDEX_BYTES = 90
_DIRECTORY_ROOM_BYTES = 1100
_ISO_ROOM_BYTES = 64
_DIRECTORY = (
    '<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
    ' xmlns:Container="http://ns.google.com/photos/1.0/container/"'
    ' xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="1.0"><Container:Directory><rdf:Seq>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg"'
    ' Item:Length="{length}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>'
)


@dataclass(frozen=True, slots=True)
class GainMapFile:
    """The map as a JPEG with its own metadata in it, ready to be put behind a picture.

    is_ultra_hdr: it has Adobe's and Google's XMP, and wants their directory in the picture's packet. iso_version: the
    payload of the picture's own ISO segment, empty where its source had none.
    """

    data: bytes
    is_ultra_hdr: bool
    iso_version: bytes = b""

    @property
    def directory(self) -> bytes:
        """What the picture's XMP packet has to say of it; empty where nothing."""
        return _DIRECTORY.format(length=len(self.data)).encode() if self.is_ultra_hdr else b""

    @property
    def room_bytes(self) -> int:
        """As many bytes as all of it takes, or a few more."""
        beside = _INDEX_BYTES + (_DIRECTORY_ROOM_BYTES if self.is_ultra_hdr else 0)
        return len(self.data) + beside + (_ISO_ROOM_BYTES if self.iso_version else 0)


def with_gain_map(picture: bytes, file: GainMapFile) -> bytes:
    """The picture, whose packet has the directory already, and the map behind it."""
    at = _after_metadata(picture)
    iso = _segment(file.iso_version) if file.iso_version else b""
    # Offsets count from the byte order mark of the index.
    mark = at + len(iso) + 4 + len(_MPF)
    whole = len(picture) + len(iso) + _INDEX_BYTES
    index = _segment(_MPF + _index(whole, len(file.data), whole - mark))
    return picture[:at] + iso + index + picture[at:] + file.data


def _after_metadata(picture: bytes) -> int:
    """Behind JFIF, EXIF and XMP, which have to be near the beginning."""
    at = after_jfif(picture)
    for one in jpeg.segments(picture):
        if one.start >= at:
            if one.marker != _APP1:
                break
            at = one.end
    return at


def _index(picture_bytes: int, map_bytes: int, map_offset: int) -> bytes:
    entries = struct.pack(">IIIHH", _PRIMARY, picture_bytes, 0, 0, 0)
    entries += struct.pack(">IIIHH", 0, map_bytes, map_offset, 0, 0)
    start, tags = 8, 3
    values = start + 2 + 12 * tags + 4
    directory = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    directory += struct.pack(">HHII", 0xB001, 4, 1, 2)
    directory += struct.pack(">HHII", 0xB002, 7, len(entries), values)
    return b"MM\0*" + struct.pack(">IH", start, tags) + directory + bytes(4) + entries


def _segment(body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, 0xE2, len(body) + 2) + body
