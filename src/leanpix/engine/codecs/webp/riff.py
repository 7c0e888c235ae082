"""The RIFF container of WebP: chunks left out of it, a profile or alpha added, a lossless picture put in."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

_HAS_PROFILE, _HAS_ALPHA = 0x20, 0x10
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


def _extended(source: bytes, flag: int, chunk: tuple[bytes, bytes], size: tuple[int, int]) -> bytes:
    """With a chunk in front of the others, where alpha goes before the picture and a profile before both."""
    chunks = list(_chunks(source))
    flags = chunks.pop(0)[1][0] if chunks[0][0] == b"VP8X" else 0
    sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
    return _written([(b"VP8X", bytes([flags | flag, 0, 0, 0]) + sides), chunk, *chunks])


def _written(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(_CHUNK.pack(name, len(data)) + data + b"\0" * (len(data) & 1) for name, data in chunks)
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
