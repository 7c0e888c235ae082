"""XMP packets: properties of some kinds out of one, written as a packet of their own.

A packet is a stranger's XML: one that declares entities, or is too large, is not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

from leanpix.domain.keep import Keep

MOST_BYTES = 256 * 1024
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DESCRIPTION = f"{{{_RDF}}}Description"
_NAME = re.compile(r"\{(.*)\}(.*)")
_PREFIXES = {
    "x": "adobe:ns:meta/",
    "rdf": _RDF,
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "HDRGainMap": "http://ns.apple.com/HDRGainMap/1.0/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
}
for _prefix, _uri in _PREFIXES.items():
    ET.register_namespace(_prefix, _uri)

# By prefix: local names, None for all of the namespace.
_Names = dict[str, frozenset[str] | None]
_KINDS: dict[Keep, _Names] = {
    Keep.COPYRIGHT: {
        "dc": frozenset({"rights", "creator"}),
        "xmpRights": None,
        "plus": None,
        "photoshop": frozenset({"Credit", "Source", "AuthorsPosition"}),
        "Iptc4xmpCore": frozenset({"CreatorContactInfo"}),
        "exifEX": frozenset({"Photographer"}),
    },
    Keep.DATE: {
        "xmp": frozenset({"CreateDate", "ModifyDate"}),
        "photoshop": frozenset({"DateCreated"}),
        "exif": frozenset({"DateTimeOriginal", "DateTimeDigitized"}),
        "tiff": frozenset({"DateTime"}),
    },
    Keep.GPS: {
        "exif": frozenset(
            {"GPSLatitude", "GPSLongitude", "GPSAltitude", "GPSAltitudeRef", "GPSTimeStamp", "GPSVersionID"}
            | {"GPSMapDatum", "GPSImgDirection", "GPSImgDirectionRef", "GPSSpeed", "GPSSpeedRef", "GPSTrack"}
        ),
        "Iptc4xmpExt": frozenset({"LocationCreated"}),
    },
    Keep.CAMERA: {
        "tiff": frozenset({"Make", "Model"}),
        "exif": frozenset({"ExposureTime", "FNumber", "ISOSpeedRatings", "FocalLength", "ExposureProgram", "Flash"}),
        "aux": None,
        "exifEX": frozenset({"LensModel", "LensMake", "LensSpecification", "BodySerialNumber"}),
    },
}
# Which tell of the source's pixels, of parts of its file that a result has not, or of another packet.
_OF_THE_FILE: _Names = {
    "dc": frozenset({"format"}),
    "tiff": frozenset({"Orientation", "ImageWidth", "ImageLength", "BitsPerSample", "Compression"}),
    "exif": frozenset({"PixelXDimension", "PixelYDimension"}),
    "xmp": frozenset({"Thumbnails"}),
    "hdrgm": None,
    "HDRGainMap": None,
    "Container": None,
    "GCamera": frozenset(
        {"MicroVideo", "MicroVideoVersion", "MicroVideoOffset", "MicroVideoPresentationTimestampUs"}
        | {"MotionPhoto", "MotionPhotoVersion", "MotionPhotoPresentationTimestampUs"}
    ),
}
_FOREIGN = ("http://ns.adobe.com/xmp/note/", "http://ns.google.com/photos/1.0/depthmap/", "http://ns.apple.com/")
_BY_URI = {uri: prefix for prefix, uri in _PREFIXES.items()}
_HEAD = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_TAIL = b'<?xpacket end="r"?>'


def kept_properties(packet: bytes, wanted: tuple[Keep, ...]) -> bytes:
    """A packet of the wanted properties alone; empty where there are none, or it cannot be read.

    With Keep.XMP these are all but those that are only right for the source's own file.
    """
    if Keep.XMP in wanted:
        return _chosen(packet, lambda name: not _is_of_the_file(name))
    tables = [_KINDS[kind] for kind in wanted if kind in _KINDS]
    return _chosen(packet, lambda name: any(_is_in(table, name) for table in tables)) if tables else b""


def has_other_properties(packet: bytes, wanted: tuple[Keep, ...]) -> bool:
    """Whether there is more than the wanted properties, and than what is only right for its own file.

    A packet that cannot be read holds more.
    """
    root = _parsed(packet)
    if root is None:
        return bool(packet)
    tables = [_KINDS[kind] for kind in wanted if kind in _KINDS]
    names = (name for one in _top_descriptions(root) for name in _properties(one))
    return any(not _is_of_the_file(name) and not any(_is_in(table, name) for table in tables) for name in names)


def with_description(packet: bytes, description: bytes) -> bytes:
    """A packet of this module's own, or an empty one, with one more rdf:Description."""
    start = packet or _HEAD + _wrapped(b"") + _TAIL
    return start.replace(b"</rdf:RDF>", description + b"</rdf:RDF>", 1)


def _wrapped(inner: bytes) -> bytes:
    rdf = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'.encode()
    return rdf + inner + b"</rdf:RDF></x:xmpmeta>"


def _chosen(packet: bytes, is_wanted: Callable[[str], bool]) -> bytes:
    root = _parsed(packet)
    if root is None:
        return b""
    chosen = ET.Element(_DESCRIPTION, {f"{{{_RDF}}}about": ""})
    for one in _top_descriptions(root):
        for name, value in one.attrib.items():
            if not name.startswith(f"{{{_RDF}}}") and is_wanted(name):
                chosen.set(name, value)
        chosen.extend(part for part in one if is_wanted(part.tag))
    if len(chosen) == 0 and len(chosen.attrib) == 1:
        return b""
    for part in chosen:
        part.tail = None
    try:
        written = ET.tostring(chosen, "utf-8", xml_declaration=False)
    except RecursionError:
        return b""
    return _HEAD + _wrapped(written) + _TAIL


def _parsed(packet: bytes) -> ET.Element | None:
    packet = packet.strip(b"\0 \r\n\t")
    if not packet or len(packet) > MOST_BYTES or b"<!" in packet:
        return None
    try:
        # Whatever encoding it declares: what was looked at above is what is read.
        return ET.fromstring(packet, ET.XMLParser(encoding="utf-8"))  # noqa: S314 - see the import
    except (ET.ParseError, ValueError, LookupError):
        return None


def _top_descriptions(root: ET.Element) -> Iterator[ET.Element]:
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f".//{{{_RDF}}}RDF")
    if rdf is not None:
        yield from rdf.findall(_DESCRIPTION)


def _properties(description: ET.Element) -> Iterator[str]:
    yield from (name for name in description.attrib if not name.startswith(f"{{{_RDF}}}"))
    yield from (part.tag for part in description)


def _is_of_the_file(name: str) -> bool:
    return name.startswith(tuple(f"{{{uri}" for uri in _FOREIGN)) or _is_in(_OF_THE_FILE, name)


def _is_in(table: _Names, name: str) -> bool:
    found = _NAME.fullmatch(name)
    prefix = _BY_URI.get(found[1]) if found is not None else None
    if found is None or prefix is None or prefix not in table:
        return False
    names = table[prefix]
    return names is None or found[2] in names
