"""A PNG's chunks: walked, looked up, and written again without those that make no pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass

from leanpix.engine.facts import Limits, damaged

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 500_000
_CHUNK_OVERHEAD = 12
_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""A pixel has by colour type."""

_ANIMATION_CHUNKS = frozenset({b"acTL", b"fcTL", b"fdAT"})


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its type, and where its data begins and ends."""

    name: bytes
    start: int
    end: int


def chunks(source: bytes) -> Iterator[Chunk]:
    """The chunks from IHDR to IEND; raises TaskFailure where IEND does not come: the file is cut short."""
    at = len(SIGNATURE)
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
    return b"".join([SIGNATURE, *_pieces(source, wanted)])


def picture_with(source: bytes, target: bytes, names: Container[bytes]) -> bytes:
    """The target with the chunks that make its pixels, and the source's chunks of these names."""
    header, *others = _pieces(target, _PIXEL_CHUNKS)
    return b"".join([SIGNATURE, header, *_pieces(source, names), *others])


def _pieces(source: bytes, names: Container[bytes]) -> Iterator[memoryview]:
    """Whole chunks of these names, no copies; of headers the first chunk alone."""
    view = memoryview(source)
    for number, chunk in enumerate(chunks(source)):
        if chunk.name in names and not (chunk.name == b"IHDR" and number):
            yield view[chunk.start - 8 : chunk.end + 4]


def raw_bytes(source: bytes) -> int:
    """How many bytes the samples take, by the header."""
    header = next(chunks(source))
    width, height, bits, colour_type = struct.unpack_from(">IIBB", source, header.start)
    return int(width * height * bits * _SAMPLES[colour_type] // 8)


def first_chunks(source: bytes, *names: bytes) -> dict[bytes, bytes]:
    """The data of the first chunk of each of these names, where there is one."""
    found: dict[bytes, bytes] = {}
    for chunk in chunks(source):
        if chunk.name in names:
            found.setdefault(chunk.name, source[chunk.start : chunk.end])
    return found


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
