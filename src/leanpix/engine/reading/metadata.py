"""A source's EXIF, XMP and IPTC as their containers hold them, and what of them a result is to keep."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import SourceFormat
from leanpix.domain.holding import Holding
from leanpix.domain.keep import Keep
from leanpix.engine.reading.headers import heif, jpeg, jxl, png_chunks, tiff, webp
from leanpix.engine.reading.headers.exif_fields import kept_fields, whole_block
from leanpix.engine.reading.iptc import MARK, has_other_records, iptc_records, kept_records
from leanpix.engine.reading.probe import exif_block
from leanpix.engine.reading.xmp import MOST_BYTES, has_other_properties, kept_properties

_MOST_EXIF_BYTES = 64_000
_BLOCKS = frozenset(
    {
        SourceFormat.JPG,
        SourceFormat.PNG,
        SourceFormat.WEBP,
        SourceFormat.AVIF,
        SourceFormat.HEIC,
        SourceFormat.JXL,
    }
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """An EXIF block without its mark, an XMP packet, IPTC records; each may be empty.

    partly: of which of these containers only some fields were kept, and others were not.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    partly: frozenset[Holding] = frozenset()


NO_METADATA = Metadata()


def kept_metadata(
    source: bytes, form: SourceFormat, wanted: tuple[Keep, ...], width_px: int, height_px: int
) -> Metadata:
    """What of a source's metadata a result of these sides is to carry. What cannot be read counts as absent."""
    if not set(wanted) - {Keep.PROFILE, Keep.C2PA}:
        return NO_METADATA
    with suppress(TaskFailure, struct.error, IndexError, OverflowError):
        held = _held(source, form)
        whole = b""
        if Keep.EXIF in wanted and form in _BLOCKS and len(held.exif) <= _MOST_EXIF_BYTES:
            whole = whole_block(held.exif, width_px, height_px)
        kept = Metadata(
            whole or kept_fields(held.exif, wanted), kept_properties(held.xmp, wanted), kept_records(held.iptc, wanted)
        )
        return replace(kept, partly=frozenset(_partly(held, wanted)))
    return NO_METADATA


def _partly(held: Metadata, wanted: tuple[Keep, ...]) -> Iterator[Holding]:
    """What a result's container of a few fields, or of a gain map's directory, must not hide.

    EXIF fields are told kind by kind anyway.
    """
    yield from held.partly
    if Keep.XMP not in wanted and has_other_properties(held.xmp, wanted):
        yield Holding.XMP
    if Keep.IPTC not in wanted and has_other_records(held.iptc, wanted):
        yield Holding.IPTC


def _held(source: bytes, form: SourceFormat) -> Metadata:
    exif = exif_block(source, form)
    match form:
        case SourceFormat.JPG:
            return _in_jpeg(source, exif)
        case SourceFormat.PNG:
            return _in_png(source, exif)
        case SourceFormat.WEBP | SourceFormat.AVIF | SourceFormat.HEIC | SourceFormat.JXL:
            return Metadata(exif, _xmp_packet(source, form))
        case SourceFormat.TIFF | SourceFormat.RAW if tiff.matches(source):
            return Metadata(exif, *_in_tiff(source))
    return Metadata(exif)


def _xmp_packet(source: bytes, form: SourceFormat) -> bytes:
    if form is SourceFormat.WEBP:
        return next((source[one.start : one.end] for one in webp.chunks(source) if one.name == b"XMP "), b"")
    if form is SourceFormat.JXL:
        return next((source[one.content : one.end] for one in jxl.parts(source) if one.kind == b"xml "), b"")
    return heif.xmp_packet(source)


_APP1, _APP13 = 0xE1, 0xED
_XMP, _XMP_MORE = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"


def _in_jpeg(source: bytes, exif: bytes) -> Metadata:
    """The first packet, and the first records; a packet that goes on in further segments does without those."""
    bodies = [(one.marker, source[one.payload : one.end]) for one in jpeg.segments(source)]
    packets = (body[len(_XMP) :] for marker, body in bodies if marker == _APP1 and body.startswith(_XMP))
    # Resources may go on in the next segment of their kind.
    resources = b"".join(body[len(MARK) :] for marker, body in bodies if marker == _APP13 and body.startswith(MARK))
    goes_on = any(marker == _APP1 and body.startswith(_XMP_MORE) for marker, body in bodies)
    partly = frozenset({Holding.XMP} if goes_on else ())
    return Metadata(exif, next(packets, b""), iptc_records(resources), partly)


def _in_png(source: bytes, exif: bytes) -> Metadata:
    found = {"exif": exif, "xmp": b"", "iptc": b""}
    for one in png_chunks.chunks(source):
        if one.name not in {b"tEXt", b"zTXt", b"iTXt"}:
            continue
        keyword, text = png_text(one.name, source[one.start : one.end])
        kind = keyword.removeprefix(b"Raw profile type ").lower()
        if keyword == b"XML:com.adobe.xmp":
            found["xmp"] = found["xmp"] or text
        elif kind != keyword.lower():
            _take_raw_profile(kind, text, found)
    return Metadata(found["exif"], found["xmp"], found["iptc"])


def png_text(name: bytes, body: bytes) -> tuple[bytes, bytes]:
    """A text chunk's keyword and its text, unpacked."""
    keyword, _, rest = body.partition(b"\0")
    if name == b"tEXt":
        return keyword, rest
    if name == b"zTXt":
        return keyword, _inflated(rest[1:])
    text = rest[2:].split(b"\0", 2)[-1]
    return keyword, _inflated(text) if rest[:1] == b"\1" else text


def _inflated(data: bytes) -> bytes:
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(data, MOST_BYTES)
    return b""


def _take_raw_profile(kind: bytes, text: bytes, found: dict[str, bytes]) -> None:
    """ImageMagick's way to put a block of bytes into a PNG: in hexadecimal, after a line with its length."""
    with suppress(ValueError):
        content = bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii", "replace"))
        match kind:
            case b"exif" | b"app1" if not content.startswith(_XMP):
                found["exif"] = found["exif"] or content.removeprefix(b"Exif\0\0")
            case b"app1" | b"xmp":
                found["xmp"] = found["xmp"] or content.removeprefix(_XMP)
            case b"iptc" | b"8bim":
                found["iptc"] = found["iptc"] or iptc_records(content) or content


_TIFF_XMP, _TIFF_IPTC, _TIFF_PHOTOSHOP = 700, 33723, 34377


def _in_tiff(source: bytes) -> tuple[bytes, bytes]:
    pages = tiff.pages(source)
    found = tiff.values(source, pages[0].at, {_TIFF_XMP, _TIFF_IPTC, _TIFF_PHOTOSHOP}) if pages else {}
    xmp, iptc, photoshop = (found.get(tag, (0, b""))[1] for tag in (_TIFF_XMP, _TIFF_IPTC, _TIFF_PHOTOSHOP))
    return xmp, iptc or iptc_records(photoshop)
