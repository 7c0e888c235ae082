"""What lies beside the pixels in an encoded file: EXIF, XMP, IPTC and a gain map, each where its format has a place.

Encoders write none of it. It is put in at the end; how much room it takes is known before, so that a size holds.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.keep import Keep
from leanpix.domain.request import CompressionOptions
from leanpix.engine.codecs.item_boxes import room, with_items
from leanpix.engine.codecs.jpeg.gain_map import GainMapFile, with_gain_map
from leanpix.engine.codecs.jpeg.gain_map_pixels import carried_gain_map
from leanpix.engine.codecs.jpeg.icc_segments import after_jfif
from leanpix.engine.codecs.jpeg.jfif_density import with_density
from leanpix.engine.facts import Limits
from leanpix.engine.reading.headers import webp
from leanpix.engine.reading.headers.boxes import box
from leanpix.engine.reading.headers.exif_fields import with_resolution
from leanpix.engine.reading.headers.jpeg import MOST_SEGMENT_BYTES
from leanpix.engine.reading.headers.png_chunks import METRE_PER_INCH, written
from leanpix.engine.reading.iptc import MARK, resources_of
from leanpix.engine.reading.metadata import NO_METADATA, Metadata, kept_metadata
from leanpix.engine.reading.picture import Picture
from leanpix.engine.reading.texts import Text
from leanpix.engine.reading.xmp import with_description

_PNG_HEADER_END = 33
_RIFF_HEADER_END = 12
_EXIF_FLAG, _XMP_FLAG, _ALPHA_FLAG = 0x08, 0x04, 0x10
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_HEX_LINE = 72
_MOST_PER_METRE = (1 << 31) - 1
_DENSITY_BYTES = 128
"""At most, in EXIF: a JFIF segment takes 18, and nothing where there is one."""

_WEBP_HEADER_BYTES = 18


@dataclass(frozen=True, slots=True)
class Beside:
    """All of it for a result of this format."""

    format: OutputFormat
    metadata: Metadata = NO_METADATA
    gain_map: GainMapFile | None = None

    def put_into(self, data: bytes) -> bytes:
        """The same picture with all of it; the data has none of it yet."""
        match self.format:
            case OutputFormat.JPG:
                return self._in_jpeg(data)
            case OutputFormat.PNG:
                return data[:_PNG_HEADER_END] + b"".join(self._png_chunks()) + data[_PNG_HEADER_END:]
            case OutputFormat.WEBP:
                return _in_webp(data, self.metadata)
            case OutputFormat.JXL:
                return data + b"".join(self._jxl_boxes())
            case OutputFormat.AVIF:
                return with_items(data, self.metadata.exif, self.metadata.xmp)
            case _:  # of a format without a place for it
                return data

    @property
    def room_bytes(self) -> int:
        """As many bytes as it takes, or a few more."""
        match self.format:
            case OutputFormat.JPG:
                beside = 0 if self.gain_map is None else self.gain_map.room_bytes
                density = 0 if self.metadata.density is None else _DENSITY_BYTES
                return len(b"".join(_segments(self._jpeg_metadata(b"")))) + density + beside
            case OutputFormat.PNG:
                return len(b"".join(self._png_chunks()))
            case OutputFormat.WEBP:
                chunks = b"".join(chunk for _, chunk in _webp_chunks(self.metadata))
                return len(chunks) + (_WEBP_HEADER_BYTES if chunks else 0)
            case OutputFormat.JXL:
                return len(b"".join(self._jxl_boxes()))
            case OutputFormat.AVIF:
                parts = tuple(part for part in (self.metadata.exif, self.metadata.xmp) if part)
                return room(parts) if parts else 0
            case _:
                return 0

    def fewer(self) -> Iterator[Beside]:
        """With one part less from one to the next, the last with none: for where there is not room for all of it."""
        metadata = self.metadata
        for without in ({"gain_map": None}, {"texts": ()}, {"xmp": b""}, {"iptc": b""}, {"exif": b"", "density": None}):
            if "gain_map" not in without:
                metadata = replace(metadata, **without)
            yield Beside(self.format, metadata)

    # JPEG

    def _in_jpeg(self, data: bytes) -> bytes:
        directory = b"" if self.gain_map is None else self.gain_map.directory
        found, density = self._jpeg_metadata(directory), self.metadata.density
        if density is not None:
            told = with_density(data, density)
            found = found if told is not None else replace(found, exif=with_resolution(found.exif, density))
            data = told or data
        at = after_jfif(data)
        data = data[:at] + b"".join(_segments(found)) + data[at:]
        return data if self.gain_map is None else with_gain_map(data, self.gain_map)

    def _jpeg_metadata(self, directory: bytes) -> Metadata:
        """What fits into segments; the directory of a gain map is a description in the packet."""
        found = self.metadata
        if not found.xmp and not directory:
            return found
        fits = len(_XMP) + len(found.xmp) + len(directory) <= MOST_SEGMENT_BYTES
        xmp = found.xmp if fits else b""
        return replace(found, xmp=with_description(xmp, directory) if directory else xmp)

    # PNG and JPEG XL

    def _png_chunks(self) -> Iterator[bytes]:
        """IPTC has no chunk of its own: it goes into one of ImageMagick's, which others read as well."""
        found = self.metadata
        if found.density is not None:
            across, down = (min(round(side / METRE_PER_INCH), _MOST_PER_METRE) for side in found.density)
            yield written(b"pHYs", struct.pack(">IIB", across, down, 1))
        if found.exif:
            yield written(b"eXIf", found.exif)
        if found.xmp:
            yield written(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + found.xmp)
        if found.iptc:
            digits = resources_of(found.iptc).hex()
            lines = "\n".join(digits[at : at + _HEX_LINE] for at in range(0, len(digits), _HEX_LINE))
            text = f"\niptc\n{len(digits) // 2:8}\n{lines}\n".encode()
            yield written(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text, 9))
        for one in found.texts:
            yield written(*one.chunk) if one.chunk is not None else _png_comment(one)

    def _jxl_boxes(self) -> Iterator[bytes]:
        if self.metadata.exif:
            yield box(b"Exif", bytes(4), self.metadata.exif)
        if self.metadata.xmp:
            yield box(b"xml ", self.metadata.xmp)


def carried_beside(source: bytes, options: CompressionOptions, picture: Picture, target: OutputFormat) -> Beside:
    """What a result carries beside its pixels, as far as there is room: of a size half, for the picture comes first.

    docs/decisions/0186: what has to go does so in the order of Beside.fewer, and the report names it.
    """
    form = picture.probe.format
    metadata = kept_metadata(source, picture.probe, options.keep, target, (picture.width_px, picture.height_px))
    found = None
    if Keep.GAIN_MAP in options.keep and target is OutputFormat.JPG and form is SourceFormat.JPG:
        found = carried_gain_map(source, picture)
    beside = Beside(target, metadata, found)
    if options.max_bytes is None:
        return beside
    most_bytes = options.max_bytes / 2
    return next((one for one in chain((beside,), beside.fewer()) if one.room_bytes <= most_bytes), beside)


def _segments(metadata: Metadata) -> Iterator[bytes]:
    if metadata.exif:
        yield _segment(0xE1, b"Exif\0\0" + metadata.exif)
    if metadata.xmp:
        yield _segment(0xE1, _XMP + metadata.xmp)
    if metadata.iptc:
        yield _segment(0xED, MARK + resources_of(metadata.iptc))
    yield from (_segment(0xFE, one.content) for one in metadata.texts)


def _png_comment(text: Text) -> bytes:
    """In Latin-1's chunk where ASCII will do."""
    if text.content.isascii():
        return written(b"tEXt", text.keyword + b"\0" + text.content)
    return written(b"iTXt", text.keyword + b"\0\0\0\0\0" + text.words.encode())


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _in_webp(data: bytes, metadata: Metadata) -> bytes:
    """The chunks go last, and the extended header, which a plain file does not have yet, announces them."""
    chunks = list(_webp_chunks(metadata))
    if not chunks:
        return data
    flags = sum(flag for flag, _ in chunks)
    body = data[_RIFF_HEADER_END:]
    if body.startswith(b"VP8X"):
        body = body[:8] + bytes([body[8] | flags]) + body[9:]
    else:
        body = _extended_header(data, flags) + body
    body += b"".join(chunk for _, chunk in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_chunks(metadata: Metadata) -> Iterator[tuple[int, bytes]]:
    if metadata.exif:
        yield _EXIF_FLAG, _chunk(b"EXIF", metadata.exif)
    if metadata.xmp:
        yield _XMP_FLAG, _chunk(b"XMP ", metadata.xmp)


def _extended_header(data: bytes, flags: int) -> bytes:
    facts = webp.read(data, Limits())
    flags |= _ALPHA_FLAG if facts.has_alpha else 0
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (facts.width_px, facts.height_px))
    return _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)
