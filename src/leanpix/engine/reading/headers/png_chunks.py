"""A PNG's chunks: walked, judged as browsers judge them, and written again without those that make no pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from leanpix.engine.facts import Limits, damaged

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
METRE_PER_INCH = 0.0254
_MAX_CHUNKS = 500_000
_CHUNK_OVERHEAD = 12
_HEADER_FIELDS = ">IIBBBBB"
_PICTURE_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""A pixel has by colour type."""

_LEVEL_SHIFT, _DEFAULT_LEVEL = 6, 2
_ROWS_LOOKED_AT_BYTES = 1 << 20
"""For their filters; a millisecond."""

_PALETTE_TYPE = 3
_BEFORE_PALETTE = frozenset({b"cICP"})
_TRANSPARENCY_BYTES = {0: 2, 2: 6}
_MAX_TRANSPARENT_COLOURS = 256


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its type, and where its data begins and ends; is_whole: the bytes reach to the end of its checksum."""

    name: bytes
    start: int
    end: int
    is_whole: bool = True


def chunks(source: bytes) -> Iterator[Chunk]:
    """The chunks from IHDR to IEND, or to the end of the bytes where IEND does not come.

    Only the last chunk may not be whole: it ends where the bytes end. Raises TaskFailure where there are too many.
    """
    at = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(source):
            return
        length, name = struct.unpack_from(">I4s", source, at)
        whole = at + length + _CHUNK_OVERHEAD <= len(source)
        yield Chunk(name, at + 8, min(at + 8 + length, len(source)), whole)
        if name == b"IEND" or not whole:
            return
        at += length + _CHUNK_OVERHEAD
    raise damaged("the PNG has too many chunks")


def is_sound(source: bytes, chunk: Chunk) -> bool:
    """Whether a chunk is whole and its checksum is right."""
    stored = source[chunk.end : chunk.end + 4]
    return chunk.is_whole and stored == struct.pack(">I", zlib.crc32(memoryview(source)[chunk.start - 4 : chunk.end]))


def counted_chunks(source: bytes, names: Container[bytes]) -> dict[bytes, Chunk]:
    """The chunk that counts of each of these names, by the browsers' rules.

    That is the first sound one before the pixels. cICP has to come before the palette as well, transparency of a
    palette behind it. What comes later, with a wrong checksum or as a gamma of 0 is as if it were not there.
    """
    found: dict[bytes, Chunk] = {}
    has_palette, is_palette_type = False, header_fields(source)[3] == _PALETTE_TYPE
    for chunk in chunks(source):
        if chunk.name == b"IDAT":
            break
        is_in_place = not (has_palette and chunk.name in _BEFORE_PALETTE)
        is_in_place &= has_palette or not is_palette_type or chunk.name != b"tRNS"
        is_in_place &= chunk.name != b"gAMA" or any(source[chunk.start : chunk.end])
        has_palette |= chunk.name == b"PLTE"
        if chunk.name in names and chunk.name not in found and is_in_place and is_sound(source, chunk):
            found[chunk.name] = chunk
    return found


def header_fields(source: bytes) -> tuple[int, int, int, int, int]:
    """Width, height, bits a sample, colour type and interlacing; struct.error where they are cut off."""
    width, height, bits, kind, _, _, interlace = struct.unpack_from(_HEADER_FIELDS, source, 16)
    return width, height, bits, kind, interlace


def transparency(source: bytes) -> bytes:
    """What tRNS says, as long as the colour type has it; empty where there is none that counts."""
    kind = header_fields(source)[3]
    chunk = counted_chunks(source, {b"tRNS"}).get(b"tRNS")
    if chunk is None:
        return b""
    if kind == _PALETTE_TYPE:
        is_fitting = chunk.end - chunk.start <= _MAX_TRANSPARENT_COLOURS
        return source[chunk.start : chunk.end] if is_fitting else b""
    length = _TRANSPARENCY_BYTES.get(kind, 0)
    return source[chunk.start : chunk.start + length] if chunk.end - chunk.start >= length else b""


def palette(source: bytes) -> bytes:
    """The palette's whole colours; empty where there is none. TaskFailure where there are several, or a damaged one."""
    found = [chunk for chunk in chunks(source) if chunk.name == b"PLTE"]
    if len(found) > 1 or any(not is_sound(source, chunk) for chunk in found):
        raise damaged("the PNG's palette is broken")
    return source[found[0].start : found[0].end - (found[0].end - found[0].start) % 3] if found else b""


def picture_only(source: bytes, beside: Sequence[bytes] = ()) -> bytes:
    """The PNG with the chunks that make its pixels, and those that count of the names beside; nothing else.

    Nothing else reaches native code. Checksums of the pixels' chunks stay as they are, IEND is written anew.
    """
    view = memoryview(source)
    pixels = [view[c.start - 8 : c.end + 4] for c in chunks(source) if c.name == b"IDAT"]
    return b"".join([*_before_pixels(source, beside), *pixels, written(b"IEND", b"")])


def picture_of(source: bytes, deflated: Iterable[bytes | memoryview], size: tuple[int, int]) -> bytes:
    """A PNG of this size with the source's depth and colours, and these pixels: one frame of an animation."""
    _, _, *colours = _before_pixels(source, ())
    header = written(b"IHDR", struct.pack(">II", *size) + source[24:29])
    pixels = [written(b"IDAT", data) for data in deflated]
    return b"".join([SIGNATURE, header, *colours, *pixels, written(b"IEND", b"")])


def picture_with(source: bytes, target: bytes, beside: Sequence[bytes]) -> bytes:
    """The target with the chunks that make its pixels, and the source's that count of the names beside."""
    view = memoryview(target)
    pixels = [view[c.start - 8 : c.end + 4] for c in chunks(target) if c.name in _PICTURE_CHUNKS and c.name != b"IHDR"]
    header = view[: len(SIGNATURE) + 25]
    return b"".join([header, *_beside(source, beside), *pixels, written(b"IEND", b"")])


def written(name: bytes, data: bytes | memoryview) -> bytes:
    """A chunk with its length and checksum."""
    return b"".join([struct.pack(">I4s", len(data), name), data, struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))])


def _before_pixels(source: bytes, beside: Sequence[bytes]) -> list[bytes]:
    """The signature, the header, and what stands between it and the pixels."""
    _, _, bits, kind, _ = header_fields(source)
    colours, clear = palette(source), transparency(source)
    if kind == _PALETTE_TYPE:
        # Browsers show a sample beyond the palette in its last colour; decoders make of it what they like.
        most, alphas = 1 << bits, clear[: len(colours) // 3].ljust(len(colours) // 3, b"\xff")
        colours = (colours + colours[-3:] * most)[: 3 * most]
        clear = (alphas + alphas[-1:] * most)[:most] if clear else b""
    parts = [SIGNATURE, written(b"IHDR", source[16:29]), *_beside(source, beside)]
    parts += [written(b"PLTE", colours)] if colours and kind == _PALETTE_TYPE else []
    return parts + ([written(b"tRNS", clear)] if clear else [])


def _beside(source: bytes, names: Sequence[bytes]) -> list[bytes]:
    found = counted_chunks(source, names)
    return [written(name, source[found[name].start : found[name].end]) for name in names if name in found]


def raw_bytes(source: bytes) -> int:
    """How many bytes the samples take, by the header."""
    width, height, bits, kind, _ = header_fields(source)
    return width * height * bits * SAMPLES[kind] // 8


def first_chunks(source: bytes, *names: bytes) -> dict[bytes, bytes]:
    """The data of the chunk that counts of each of these names, where there is one."""
    return {name: source[chunk.start : chunk.end] for name, chunk in counted_chunks(source, names).items()}


def carried_profile(data: bytes, limits: Limits) -> bytes | None:
    """The ICC profile out of an iCCP chunk; None where it is broken or inflates to more than the limit."""
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


def searched_bytes(source: bytes) -> int:
    """What the pixels of a PNG take, where their stream says that its encoder looked for what repeats; else 0.

    That is at zlib's own default level or a higher one (RFC 1950, FLEVEL), of samples beside each other with filters:
    what was written quickly, is stored, or is a slope without filters may be packed to a tenth.
    """
    if not source.startswith(SIGNATURE):
        return 0
    pixels = [source[chunk.start : chunk.end] for chunk in chunks(source) if chunk.name == b"IDAT"]
    first = next((part for part in pixels if len(part) > 1), None)
    is_searched = first is not None and first[1] >> _LEVEL_SHIFT >= _DEFAULT_LEVEL
    return sum(map(len, pixels)) if is_searched and _has_filters(source, pixels) else 0


def _has_filters(source: bytes, pixels: Iterable[bytes]) -> bool:
    """Whether rows at the beginning have filters, or are of a palette's colours, which take none."""
    width, height, bits, kind, interlace = header_fields(source)
    if kind == _PALETTE_TYPE:
        return True
    stream, left = zlib.decompressobj(), _ROWS_LOOKED_AT_BYTES
    row_bytes = 1 + (width * bits * SAMPLES[kind] + 7) // 8
    rows = b""
    try:
        for part in pixels:
            rows += stream.decompress(part, left - len(rows))
            if len(rows) >= left:
                break
    except zlib.error:
        return False
    return not interlace and any(rows[: height * row_bytes : row_bytes])
