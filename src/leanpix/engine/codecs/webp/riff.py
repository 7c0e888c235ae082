"""The RIFF container of WebP: chunks left out of it, a profile or alpha added, a lossless picture put in."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

_HAS_PROFILE, _HAS_ALPHA, _IS_ANIMATED = 0x20, 0x10, 0x02
_PICTURE = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
_REPLACES = b"\x02"
"""A frame's flags: it is not blended with what lies below, and stays."""

_METADATA, _PROFILE = {b"EXIF": 0x08, b"XMP ": 0x04}, {b"ICCP": _HAS_PROFILE}
"""Chunks that carry no picture, with their bits in the flags of the VP8X header."""

_HEADER = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")


def without_metadata(source: bytes) -> bytes | None:
    """The same WebP without EXIF and XMP; ICC profile, animation and alpha stay. None where it is malformed."""
    return _without(source, _METADATA)


def without_profile(source: bytes) -> bytes | None:
    """The same WebP without its ICC profile. None where it is malformed."""
    return _without(source, _PROFILE)


def with_icc_profile(source: bytes, profile: bytes, width_px: int, height_px: int) -> bytes:
    """The same still WebP, as an encoder made it, with a profile. width_px and height_px are the picture's own."""
    return _extended(source, _HAS_PROFILE, (b"ICCP", profile), (width_px, height_px))


def with_alpha(source: bytes, alpha: bytes, width_px: int, height_px: int) -> bytes:
    """A lossy still WebP without alpha, as an encoder made it, with the payload of an ALPH chunk."""
    return _extended(source, _HAS_ALPHA, (b"ALPH", alpha), (width_px, height_px))


def lossless_file(payload: bytes, size_px: tuple[int, int], profile: bytes | None, *, has_alpha: bool) -> bytes:
    """A still WebP of a VP8L chunk's payload, and its profile; size_px: width and height."""
    file = _written([(b"VP8L", payload)])
    if profile is None:
        return file
    return _extended(file, _HAS_PROFILE | (_HAS_ALPHA if has_alpha else 0), (b"ICCP", profile), size_px)


def picture_chunks(source: bytes) -> bytes:
    """A still WebP's alpha and picture as they are written into a frame."""
    return _chunks_of([(name, data) for name, data in _chunks(source) if name in _PICTURE])


def animated_file(
    frames: Sequence[tuple[tuple[int, int, int, int], int, bytes]],
    size_px: tuple[int, int],
    loop: int,
    profile: bytes | None,
) -> bytes:
    """A WebP of frames: each its left, top, width and height (left and top even), its time in ms and its chunks.

    Each frame replaces what lies below it and stays. loop: how often it plays, 0 for ever.
    """
    has_alpha = any(chunks.startswith((b"ALPH", b"VP8L")) for _, _, chunks in frames)
    flags = _IS_ANIMATED | (_HAS_ALPHA if has_alpha else 0) | (_HAS_PROFILE if profile is not None else 0)
    parts = [(b"VP8X", bytes([flags, 0, 0, 0]) + _numbers(size_px[0] - 1, size_px[1] - 1))]
    parts += [(b"ICCP", profile)] if profile is not None else []
    parts.append((b"ANIM", bytes(4) + struct.pack("<H", loop)))
    for (left, top, width, height), shown_ms, chunks in frames:
        head = _numbers(left // 2, top // 2, width - 1, height - 1, shown_ms)
        parts.append((b"ANMF", head + _REPLACES + chunks))
    return _written(parts)


def _numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(3, "little") for value in values)


def _extended(source: bytes, flag: int, chunk: tuple[bytes, bytes], size: tuple[int, int]) -> bytes:
    """With a chunk in front of the others, where alpha goes before the picture and a profile before both."""
    chunks = list(_chunks(source))
    flags = chunks.pop(0)[1][0] if chunks[0][0] == b"VP8X" else 0
    sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
    return _written([(b"VP8X", bytes([flags | flag, 0, 0, 0]) + sides), chunk, *chunks])


def _chunks_of(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(_CHUNK.pack(name, len(data)) + data + b"\0" * (len(data) & 1) for name, data in chunks)


def _written(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    body = _chunks_of(chunks)
    return _HEADER.pack(b"RIFF", 4 + len(body), b"WEBP") + body


def _chunks(source: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = min(len(source), 8 + struct.unpack_from("<I", source, 4)[0])
    at = _HEADER.size
    while at + _CHUNK.size <= end:
        name, size = _CHUNK.unpack_from(source, at)
        at += _CHUNK.size
        if at + size > len(source):
            raise struct.error("a chunk is longer than the file")
        yield name, source[at : at + size]
        at += size + (size & 1)


def _without(source: bytes, dropped: Mapping[bytes, int]) -> bytes | None:
    if len(source) < _HEADER.size or source[:4] != b"RIFF" or source[8:12] != b"WEBP":
        return None
    bits = sum(dropped.values())
    try:
        return _written([_cleared(name, data, bits) for name, data in _chunks(source) if name not in dropped])
    except struct.error:
        return None


def _cleared(name: bytes, data: bytes, bits: int) -> tuple[bytes, bytes]:
    """A VP8X header must not announce what was left out."""
    if name != b"VP8X" or not data:
        return name, data
    flags = data[0] & ~bits
    return name, bytes([flags]) + data[1:]
