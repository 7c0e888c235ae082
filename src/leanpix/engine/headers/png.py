"""PNG and APNG: the chunks, what they say about size, frames and colour, and a copy with the pixels' own only."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from leanpix.domain.formats import SourceFormat
from leanpix.engine.headers import exif
from leanpix.engine.headers.base import Probe, check_size, damaged, reading, upright
from leanpix.engine.limits import Limits

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 500_000
_CHUNK_OVERHEAD = 12
_BANDS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PALETTE_TYPE = 3
_ALPHA_TYPES = frozenset({4, 6})
_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_ANIMATION_CHUNKS = frozenset({b"acTL", b"fcTL", b"fdAT"})
_RAW_PROFILES = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
_MAX_EXIF_BYTES = 1 << 20
_ADAM7_PASSES = 7


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its type, and where its data begins and ends."""

    name: bytes
    start: int
    end: int


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a PNG."""
    return source.startswith(_SIGNATURE)


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
    turn = _orientation(source, found, first)
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
        has_profile=b"iCCP" in first,
        is_lossless=True,
        scans=_ADAM7_PASSES if interlace else 1,
    )


def chunks(source: bytes) -> Iterator[Chunk]:
    """The chunks from IHDR to IEND; raises TaskFailure where IEND does not come: the file is cut short."""
    at = len(_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + _CHUNK_OVERHEAD > len(source):
            raise damaged("the PNG is cut short")
        length, name = struct.unpack_from(">I4s", source, at)
        yield Chunk(name, at + 8, at + 8 + length)
        if name == b"IEND":
            return
        at += length + _CHUNK_OVERHEAD
    raise damaged("the PNG has too many chunks")


def picture_only(source: bytes, *, animated: bool = False) -> bytes:
    """The PNG with the chunks that make its pixels and no others: nothing else reaches native code.

    The first IHDR counts; animated keeps the frames of an APNG as well.
    """
    wanted = _PIXEL_CHUNKS | _ANIMATION_CHUNKS if animated else _PIXEL_CHUNKS
    kept: list[bytes] = [_SIGNATURE]
    seen_header = False
    for chunk in chunks(source):
        if chunk.name in wanted and not (chunk.name == b"IHDR" and seen_header):
            kept.append(source[chunk.start - 8 : chunk.end + 4])
        seen_header = True
    return b"".join(kept)


def first_chunks(source: bytes, *names: bytes) -> dict[bytes, bytes]:
    """The data of the first chunk of each of these names, where there is one."""
    found: dict[bytes, bytes] = {}
    for chunk in chunks(source):
        if chunk.name in names:
            found.setdefault(chunk.name, source[chunk.start : chunk.end])
    return found


def profile(source: bytes, limits: Limits) -> bytes | None:
    """The ICC profile; None where there is none, or it is broken or inflates to more than the limit."""
    data = first_chunks(source, b"iCCP").get(b"iCCP", b"")
    name, _, rest = data.partition(b"\0")
    return inflate(rest[1:], limits.max_profile_bytes) if name and rest[:1] == b"\0" else None


def inflate(data: bytes, max_bytes: int) -> bytes | None:
    """Inflate a zlib stream, or None where it is broken or holds more than max_bytes."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, max_bytes)
    except zlib.error:
        return None
    return plain if stream.eof else None


def _image_header(source: bytes) -> tuple[int, int, int, int, int]:
    length, name = struct.unpack_from(">I4s", source, len(_SIGNATURE))
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


def _orientation(source: bytes, found: list[Chunk], first: dict[bytes, Chunk]) -> int:
    if b"eXIf" in first:
        return exif.orientation(source[first[b"eXIf"].start : first[b"eXIf"].end])
    for chunk in found:
        if chunk.name in {b"zTXt", b"tEXt"} and source.startswith(_RAW_PROFILES, chunk.start):
            return exif.orientation(_raw_profile(source[chunk.start : chunk.end], chunk.name) or b"")
    return 1


def _raw_profile(data: bytes, name: bytes) -> bytes | None:
    """ImageMagick's way to keep EXIF in a PNG: a text of the kind, the length and then hexadecimal digits."""
    _, _, text = data.partition(b"\0")
    plain = inflate(text[1:], _MAX_EXIF_BYTES) if name == b"zTXt" else text[:_MAX_EXIF_BYTES]
    fields = (plain or b"").split(None, 2)
    try:
        return bytes.fromhex(fields[2].decode("ascii"))
    except (IndexError, ValueError):
        return None
