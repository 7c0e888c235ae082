"""A mark in a file that says: made here already, do not lose more.

Results that replace their sources carry it, so that no later run, on no other machine, compresses them again; so do
results without loss of pixels on a coarser grid, of which nothing else tells that they are results. Each format has a
place for such a note that changes no pixel: a JPEG's comment, a private chunk of a PNG (unsafe to copy: an editor that
changes the picture has to drop it) or of a WebP, a box of its own
behind all others in AVIF and JPEG XL. 11 to 30 bytes (docs/decisions/0174).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

_NAME = b"leanpix"
_PNG_CHUNK, _WEBP_CHUNK, _BOX = b"lpIX", b"LPIX", b"lpIX"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COMMENT, _APP0, _APP15, _SCAN = 0xFE, 0xE0, 0xEF, 0xDA
_ALPHA_FLAG = 0x10
_VP8L_SIDE = 0x3FFF
_BOXED = frozenset({b"ftypavif", b"JXL \r\n\x87\n"})
_NOTE = re.compile(r"[a-z0-9 -]{0,40}", re.ASCII)


def marked(data: bytes, note: str = "") -> bytes:
    """The file with the mark, and a short note in it; unchanged where it has one, or is of a format without a place."""
    if not _NOTE.fullmatch(note):
        raise ValueError(f"a mark's note is of lower-case letters, digits and spaces, not {note!r}")
    if mark_of(data) is not None:
        return data
    try:
        return _with_note(data, _NAME + note.encode())
    except (struct.error, IndexError):
        return data


def _with_note(data: bytes, payload: bytes) -> bytes:
    if data.startswith(b"\xff\xd8\xff"):
        at = next((start for marker, start, _ in _jpeg_segments(data) if not _APP0 <= marker <= _APP15), 2)
        return data[:at] + struct.pack(">BBH", 0xFF, _COMMENT, len(payload) + 2) + payload + data[at:]
    if data.startswith(_PNG_SIGNATURE):
        body = _PNG_CHUNK + payload
        end_of_header = len(_PNG_SIGNATURE) + 25
        chunk = struct.pack(">I", len(payload)) + body + struct.pack(">I", zlib.crc32(body))
        return data[:end_of_header] + chunk + data[end_of_header:]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _marked_webp(data, payload)
    if data[4:12] in _BOXED:
        return data + struct.pack(">I4s", 8 + len(payload), _BOX) + payload
    return data


def mark_of(data: bytes) -> str | None:
    """The note of a file's mark; None where it has no mark."""
    try:
        return next(
            (one[len(_NAME) :].decode("ascii", "replace") for one in _notes(data) if one.startswith(_NAME)), None
        )
    except (struct.error, IndexError):
        return None


def is_mark(comment: bytes) -> bool:
    """Whether a JPEG's comment is a mark."""
    return comment.startswith(_NAME)


def _notes(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"\xff\xd8\xff"):
        for marker, start, end in _jpeg_segments(data):
            if marker == _COMMENT:
                yield data[start + 4 : end]
    elif data.startswith(_PNG_SIGNATURE):
        at = len(_PNG_SIGNATURE)
        while at + 8 <= len(data):
            (length,), name = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
            if name == _PNG_CHUNK:
                yield data[at + 8 : at + 8 + length]
            if name == b"IDAT":
                return
            at += 12 + length
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        yield from (data[start:end] for name, start, end in _riff_chunks(data) if name == _WEBP_CHUNK)
    elif data[4:12] in _BOXED:
        yield from (data[start:end] for name, start, end in _boxes(data) if name == _BOX)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment before the first scan, which is the last."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - what markers begin with
        marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        yield marker, at, at + 2 + length
        if marker == _SCAN:
            return
        at += 2 + length


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        yield name, at + 8, at + 8 + length
        at += 8 + length + (length & 1)


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if size < 8:  # noqa: PLR2004 - up to the end, or of 64 bits: the mark is no such box
            return
        yield name, at + 8, at + size
        at += size


def _marked_webp(data: bytes, payload: bytes) -> bytes:
    """Unknown chunks stand at the end, and only behind an extended header."""
    chunks = list(_riff_chunks(data))
    name, start, _ = chunks[0]
    header = b"" if name == b"VP8X" else _extended_header(name, data[start : start + 10])
    padding = b"\0" * (len(payload) & 1)
    body = header + data[12:] + _WEBP_CHUNK + struct.pack("<I", len(payload)) + payload + padding
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _extended_header(name: bytes, start: bytes) -> bytes:
    if name == b"VP8L":
        (fields,) = struct.unpack_from("<I", start, 1)
        sides, has_alpha = (fields & _VP8L_SIDE, fields >> 14 & _VP8L_SIDE), fields >> 28 & 1
    else:
        sides, has_alpha = tuple((side & _VP8L_SIDE) - 1 for side in struct.unpack_from("<HH", start, 6)), 0
    canvas = b"".join(side.to_bytes(3, "little") for side in sides)
    return b"VP8X" + struct.pack("<I", 10) + bytes([_ALPHA_FLAG if has_alpha else 0, 0, 0, 0]) + canvas
