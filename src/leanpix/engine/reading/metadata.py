"""A source's EXIF, XMP and IPTC as their containers hold them, and what of them a result is to keep."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.holding import Holding
from leanpix.domain.keep import Keep
from leanpix.engine.facts import Probe
from leanpix.engine.reading.contents import upright_resolution
from leanpix.engine.reading.exif_contents import exif_resolution
from leanpix.engine.reading.headers import heif, jpeg, jxl, png_chunks, tiff, webp
from leanpix.engine.reading.headers.exif_fields import kept_fields, whole_block, with_owner, with_resolution
from leanpix.engine.reading.iptc import MARK, has_other_records, iptc_records, kept_records
from leanpix.engine.reading.probe import exif_block
from leanpix.engine.reading.texts import AUTHORS, NOTICE, Text, png_text, texts_of
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

    texts: comments and, of a PNG, other words. density: dots per inch across and down, where the file's own header is
    to say them. partly: of which of these containers only some fields were kept, and others were not.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    texts: tuple[Text, ...] = ()
    density: tuple[float, float] | None = None
    partly: frozenset[Holding] = frozenset()


NO_METADATA = Metadata()


_MOST_OWNER_CHARACTERS = 4096
_SAY_DENSITY = frozenset({OutputFormat.JPG, OutputFormat.PNG})
"""Whose own header has a place for it; of the others an EXIF block has one."""


def kept_metadata(
    source: bytes, facts: Probe, wanted: tuple[Keep, ...], target: OutputFormat, sides_px: tuple[int, int]
) -> Metadata:
    """What of a source's metadata a result of this format and these sides is to carry.

    What cannot be read counts as absent.
    """
    if not set(wanted) - {Keep.PROFILE, Keep.C2PA}:
        return NO_METADATA
    with suppress(TaskFailure, struct.error, IndexError, OverflowError):
        form = facts.format
        held, texts = _held(source, form), texts_of(source, form, wanted)
        density = upright_resolution(source, facts) if Keep.RESOLUTION in wanted else None
        if held == NO_METADATA and not texts and density is None:
            return NO_METADATA  # as of most
        whole = b""
        if Keep.EXIF in wanted and form in _BLOCKS and len(held.exif) <= _MOST_EXIF_BYTES:
            whole = whole_block(held.exif, *sides_px)
        kept = Metadata(
            whole or kept_fields(held.exif, wanted), kept_properties(held.xmp, wanted), kept_records(held.iptc, wanted)
        )
        kept = replace(kept, partly=frozenset(_partly(held, wanted)))
        kept = _with_texts(kept, texts, target)
        return _with_density(kept, density, target)
    return NO_METADATA


def _with_texts(kept: Metadata, found: tuple[Text, ...], target: OutputFormat) -> Metadata:
    """Texts where the format has a place for them; where not, whose the picture is goes into EXIF."""
    placed = tuple(one for one in found if one.has_place(target))
    if sum(one.size for one in placed) > MOST_BYTES:
        placed = ()
    elsewhere = [one for one in found if one not in placed]
    words = {one.keyword: one.words for one in reversed(elsewhere) if one.kind is Keep.COPYRIGHT}
    artist = next((words[name] for name in AUTHORS if name in words), "")
    exif = kept.exif
    if sum(map(len, words.values())) <= _MOST_OWNER_CHARACTERS:
        exif = with_owner(exif, words.get(NOTICE, ""), artist)
    told = {one.kind for one in elsewhere if exif is kept.exif or one.kind is not Keep.COPYRIGHT}
    return replace(kept, exif=exif, texts=placed, partly=kept.partly | {Holding(kind.value) for kind in told})


def _with_density(kept: Metadata, density: tuple[float, float] | None, target: OutputFormat) -> Metadata:
    if density is None or target in _SAY_DENSITY:
        return replace(kept, density=density)
    with suppress(struct.error):
        if exif_resolution(kept.exif) == density:
            return kept
    return replace(kept, exif=with_resolution(kept.exif, density))


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
    return Metadata(exif, next(packets, b""), iptc_records(resources), partly=partly)


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
