"""PNG and APNG: size, depth, frames and orientation out of the chunks."""

from __future__ import annotations

import struct
import zlib

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading, upright
from leanpix.engine.reading.headers import exif, png_colour
from leanpix.engine.reading.headers.png_chunks import SIGNATURE, Chunk, chunks, inflate

_BANDS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PALETTE_TYPE = 3
_ALPHA_TYPES = frozenset({4, 6})
_RAW_PROFILES = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
_MAX_EXIF_BYTES = 1 << 20
_ADAM7_PASSES = 7


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a PNG."""
    return source.startswith(SIGNATURE)


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a PNG or an APNG; raises TaskFailure."""
    with reading("PNG"):
        width, height, bits, kind, interlace = _image_header(source)
        check_size(width, height, 1, limits)
        found = list(chunks(source))
        first = {chunk.name: chunk for chunk in reversed(found)}
        frames = _frame_count(source, found, first, width, height)
    if kind == _PALETTE_TYPE and b"PLTE" not in first:
        raise damaged("the PNG has no palette")
    if b"IDAT" not in first:
        raise damaged("the PNG has no pixels")
    check_size(width, height, frames, limits)
    has_alpha = kind in _ALPHA_TYPES or b"tRNS" in first
    turn = exif.orientation(exif_block(source))
    width, height = upright(width, height, turn)
    return Probe(
        SourceFormat.PNG,
        width,
        height,
        frames=frames,
        has_alpha=has_alpha,
        orientation=turn,
        bands=_BANDS[kind] + (b"tRNS" in first and kind not in _ALPHA_TYPES),
        bits=bits,
        has_profile=png_colour.declares(source),
        is_lossless=True,
        scans=_ADAM7_PASSES if interlace else 1,
    )


def _image_header(source: bytes) -> tuple[int, int, int, int, int]:
    length, name = struct.unpack_from(">I4s", source, len(SIGNATURE))
    width, height, bits, kind, deflate, filters, interlace, crc = struct.unpack_from(">IIBBBBBI", source, 16)
    if (length, name) != (13, b"IHDR") or crc != zlib.crc32(source[12:29]):
        raise damaged("the PNG header is broken")
    if bits not in _DEPTHS.get(kind, ()) or deflate or filters or interlace > 1:
        raise damaged("the PNG header asks for what PNG does not have")
    return width, height, bits, kind, interlace


def _frame_count(source: bytes, found: list[Chunk], first: dict[bytes, Chunk], width: int, height: int) -> int:
    """How many frames an APNG has by its own count or by its frame chunks, whichever is more; 1 for a PNG."""
    control = first.get(b"acTL")
    if control is None or b"IDAT" not in first or control.start > first[b"IDAT"].start:
        return 1
    told: int = struct.unpack_from(">I", source, control.start)[0]
    frames = [struct.unpack_from(">IIII", source, c.start + 4) for c in found if c.name == b"fcTL"]
    if any(w < 1 or h < 1 or x + w > width or y + h > height for w, h, x, y in frames):
        raise damaged("a frame of the APNG lies outside of it")
    return max(told, len(frames), 1)


def exif_block(source: bytes) -> bytes:
    """The EXIF block, from its own chunk or from a text; empty where there is none."""
    found = list(chunks(source))
    chunk = next((chunk for chunk in found if chunk.name == b"eXIf"), None)
    if chunk is not None:
        return source[chunk.start : chunk.end]
    for chunk in found:
        if chunk.name in {b"zTXt", b"tEXt"} and source.startswith(_RAW_PROFILES, chunk.start):
            return _raw_profile(source[chunk.start : chunk.end], chunk.name) or b""
    return b""


def _raw_profile(data: bytes, name: bytes) -> bytes | None:
    """ImageMagick's way to keep EXIF in a PNG: a text of the kind, the length and then hexadecimal digits."""
    _, _, text = data.partition(b"\0")
    plain = inflate(text[1:], _MAX_EXIF_BYTES) if name == b"zTXt" else text[:_MAX_EXIF_BYTES]
    fields = (plain or b"").split(None, 2)
    try:
        return bytes.fromhex(fields[2].decode("ascii"))
    except (IndexError, ValueError):
        return None
