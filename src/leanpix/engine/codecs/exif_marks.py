"""An EXIF block put into an encoded picture, where its format has a place for it."""

from __future__ import annotations

import struct
import zlib

from leanpix.domain.formats import OutputFormat
from leanpix.engine.codecs.jpeg.icc_segments import after_jfif
from leanpix.engine.facts import Limits
from leanpix.engine.reading.headers import webp

_PNG_HEADER_END = 33
_RIFF_HEADER_END = 12
_EXIF_FLAG, _ALPHA_FLAG = 0x08, 0x10


def with_exif(data: bytes, kind: OutputFormat, block: bytes) -> bytes:
    """The same picture with this EXIF block, which has to be shorter than 64 KB; data has none yet."""
    match kind:
        case OutputFormat.JPG:
            return _in_jpeg(data, block)
        case OutputFormat.PNG:
            return _in_png(data, block)
        case OutputFormat.WEBP:
            return _in_webp(data, block)
        case OutputFormat.JXL:
            return data + struct.pack(">I", len(block) + 12) + b"Exif" + bytes(4) + block
        case OutputFormat.AVIF:
            raise ValueError("a request for AVIF keeps no metadata")


def _in_jpeg(data: bytes, block: bytes) -> bytes:
    body = b"Exif\0\0" + block
    at = after_jfif(data)
    return data[:at] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[at:]


def _in_png(data: bytes, block: bytes) -> bytes:
    body = b"eXIf" + block
    chunk = struct.pack(">I", len(block)) + body + struct.pack(">I", zlib.crc32(body))
    return data[:_PNG_HEADER_END] + chunk + data[_PNG_HEADER_END:]


def _in_webp(data: bytes, block: bytes) -> bytes:
    """The chunk goes last, and the extended header, which a plain file does not have yet, announces it."""
    body = data[_RIFF_HEADER_END:]
    if body.startswith(b"VP8X"):
        body = body[:8] + bytes([body[8] | _EXIF_FLAG]) + body[9:]
    else:
        body = _extended_header(data) + body
    body += _chunk(b"EXIF", block)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _extended_header(data: bytes) -> bytes:
    facts = webp.read(data, Limits())
    flags = _EXIF_FLAG | (_ALPHA_FLAG if facts.has_alpha else 0)
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (facts.width_px, facts.height_px))
    return _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)
