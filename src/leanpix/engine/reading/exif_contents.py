"""What an EXIF block, an XMP packet and an IPTC record hold, by kind.

Tags after EXIF 3.0 (CIPA DC-008) and TIFF 6.0, record numbers after IPTC-IIM 4.2, names after the XMP specifications of
Adobe, Google's camera formats, and ISO 21496-1. What cannot be read counts as held by its container alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from leanpix.domain.holding import Holding

_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_MAX_ENTRIES = 2048

_EXIF_POINTER, _GPS_POINTER, _INTEROPERABILITY_POINTER = 0x8769, 0x8825, 0xA005
_XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG, _PROFILE_TAG = 0x02BC, 0x83BB, 0x8649, 0x8773
_SUB_DIRECTORIES = 0x014A
# Which say how the pixels lie, or what the block is, and nothing of the picture's making.
_STRUCTURAL = frozenset(
    {0x00FE, 0x00FF, *range(0x0100, 0x0108), 0x010A, 0x0111, 0x0112, *range(0x0115, 0x011A), 0x011C, 0x0128, 0x0129}
    | {0x013D, 0x0140, 0x0141, 0x0142, 0x0143, 0x0144, 0x0145, 0x014C, 0x014D, 0x014E, 0x0150, 0x0151, 0x0152, 0x0153}
    | {0x0154, 0x0155, 0x0156, 0x0157, *range(0x0200, 0x020A), *range(0x0211, 0x0215), 0x015B, 0x012D, 0x013E, 0x013F}
    | {0x9000, 0x9101, 0x9102, 0xA000, 0xA001, 0xA002, 0xA003, 0xA500}
    | {_EXIF_POINTER, _GPS_POINTER, _INTEROPERABILITY_POINTER, _SUB_DIRECTORIES, _PROFILE_TAG, 0x1000, 0x1001}
)
_RESOLUTION = frozenset({0x011A, 0x011B})
_RESOLUTION_UNIT, _INCH, _CENTIMETRE = 0x0128, 2, 3
_COPYRIGHT = frozenset({0x8298, 0x013B, 0x9C9D})
_DATES = frozenset({0x0132, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292})
_CAMERA = frozenset(
    {0x010F, 0x0110, 0x829A, 0x829D, 0x8822, 0x8827, *range(0x8830, 0x8836), *range(0x9201, 0x920B), 0x9214, 0x927C}
    | {*range(0x9400, 0x9406), 0xA20B, 0xA20E, 0xA20F, 0xA210, 0xA214, 0xA215, 0xA217, 0xA300, 0xA301, 0xA302}
    | {*range(0xA401, 0xA40D), *range(0xA430, 0xA436), 0xA460, 0xA461, 0xA462}
)

_XMP_MARKS: dict[Holding, tuple[bytes, ...]] = {
    Holding.GAIN_MAP: (b"hdrgm:", b"HDRGainMap", b"hdrgainmap", b'Semantic="GainMap"'),
    Holding.DEPTH_MAP: (b"GDepth:", b'Semantic="Depth', b"aux:depth", b"aux:disparity", b"depthData:"),
    Holding.LIVE_PHOTO: (b"MicroVideo", b"MotionPhoto"),
    Holding.COPYRIGHT: (b"dc:rights", b"dc:creator", b"xmpRights:", b"photoshop:Credit", b"plus:"),
    Holding.GPS: (b"exif:GPS", b"GPSLatitude"),
    Holding.CAMERA: (b"tiff:Model", b"tiff:Make", b"aux:Lens", b"exif:ExposureTime", b"crs:"),
    Holding.DATE: (b"xmp:CreateDate", b"photoshop:DateCreated", b"exif:DateTimeOriginal", b"xmp:ModifyDate"),
    Holding.PREVIEW: (b"xmpGImg:image", b"xmp:Thumbnails"),
    Holding.C2PA: (b"c2pa:", b"provenance"),
}
_IPTC_COPYRIGHT = (b"\x1c\x02\x74", b"\x1c\x02\x50", b"\x1c\x02\x6e")  # notice, by-line, credit
_IPTC_DATE = (b"\x1c\x02\x37", b"\x1c\x02\x3c")
_RESOURCES_OF_NO_PICTURE = frozenset({0x03ED, 0x0404, 0x0409, 0x040C, 0x0425})
_RESOURCE_IPTC, _RESOURCE_THUMBNAILS = 0x0404, frozenset({0x0409, 0x040C})


def of_exif(block: bytes) -> set[Holding]:
    """What a TIFF structure holds, with or without its `Exif` mark: its first two directories and those below."""
    block = block.removeprefix(b"Exif\0\0")
    order = _BYTE_ORDERS.get(block[:4])
    if order is None:
        return {Holding.OTHER} if block.strip(b"\0") else set()
    found: set[Holding] = set()
    try:
        (first,) = struct.unpack_from(f"{order}I", block, 4)
        for tag, value in _entries(block, order, first):
            if tag == _GPS_POINTER:
                found |= {Holding.GPS for _ in _entries(block, order, value)}
            elif tag in {_EXIF_POINTER, _INTEROPERABILITY_POINTER}:
                found |= {kind for below, _ in _entries(block, order, value) if (kind := _kind(below)) is not None}
            elif (kind := _kind(tag)) is not None:
                found.add(kind)
        if _next_directory(block, order, first):
            found.add(Holding.PREVIEW)
    except struct.error:
        found.add(Holding.EXIF)  # cut short: there is something of it
    return found


def exif_resolution(block: bytes) -> tuple[float, float] | None:
    """Dots per inch across and down, of a TIFF structure; None where there are none, or no unit."""
    order = _BYTE_ORDERS.get(block[:4])
    if order is None:
        return None
    (first,) = struct.unpack_from(f"{order}I", block, 4)
    places = dict(_entries(block, order, first))
    sides = [struct.unpack_from(f"{order}II", block, places[tag]) for tag in sorted(_RESOLUTION) if tag in places]
    unit = struct.unpack(f"{order}H", struct.pack(f"{order}I", places.get(_RESOLUTION_UNIT, 0))[:2])[0] or _INCH
    if unit not in {_INCH, _CENTIMETRE} or len(sides) < len(_RESOLUTION) or any(not below for _, below in sides):
        return None
    across, down = (above / below * (2.54 if unit == _CENTIMETRE else 1.0) for above, below in sides)
    return (across, down) if across and down else None


def of_xmp(packet: bytes) -> set[Holding]:
    """What an XMP packet holds; an empty one holds nothing."""
    if b"rdf:Description" not in packet and b"<" in packet and b"x:xmpmeta" in packet and b"rdf:RDF" not in packet:
        return set()
    return {Holding.XMP, *(kind for kind, marks in _XMP_MARKS.items() if any(mark in packet for mark in marks))}


def of_iptc(records: bytes) -> set[Holding]:
    """What an IPTC-IIM record set holds."""
    if b"\x1c" not in records:
        return set()
    found = {Holding.IPTC}
    found |= {Holding.COPYRIGHT} if any(mark in records for mark in _IPTC_COPYRIGHT) else set()
    return found | ({Holding.DATE} if any(mark in records for mark in _IPTC_DATE) else set())


def of_photoshop(resources: bytes) -> set[Holding]:
    """What a block of Photoshop's image resources holds."""
    found: set[Holding] = set()
    at = 0
    while (at := resources.find(b"8BIM", at)) >= 0 and at + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, at + 4)
        name = at + 6
        data = name + (1 + resources[name] + 1) // 2 * 2
        if data + 4 > len(resources):
            break
        (size,) = struct.unpack_from(">I", resources, data)
        if number == _RESOURCE_IPTC:
            found |= of_iptc(resources[data + 4 : data + 4 + size])
        elif number in _RESOURCE_THUMBNAILS:
            found.add(Holding.PREVIEW)
        elif number not in _RESOURCES_OF_NO_PICTURE:
            found.add(Holding.OTHER)
        at = data + 4
    return found


def _kind(tag: int) -> Holding | None:
    if tag in _STRUCTURAL or tag in _RESOLUTION:
        return None
    for kind, tags in ((Holding.COPYRIGHT, _COPYRIGHT), (Holding.DATE, _DATES), (Holding.CAMERA, _CAMERA)):
        if tag in tags:
            return kind
    if tag == _XMP_TAG:
        return Holding.XMP
    if tag in {_IPTC_TAG, _PHOTOSHOP_TAG}:
        return Holding.IPTC
    return Holding.EXIF


def _entries(block: bytes, order: str, start: int) -> Iterator[tuple[int, int]]:
    """Tags of a directory with the four bytes of their value, as a number."""
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for at in range(start + 2, start + 2 + 12 * min(count, _MAX_ENTRIES), 12):
        tag, _, _, value = struct.unpack_from(f"{order}HHII", block, at)
        yield tag, value


def _next_directory(block: bytes, order: str, start: int) -> int:
    (count,) = struct.unpack_from(f"{order}H", block, start)
    at = start + 2 + 12 * count
    return int(struct.unpack_from(f"{order}I", block, at)[0]) if at + 4 <= len(block) else 0
