"""WebP: the RIFF chunks, what they say about the canvas and the frames, and a copy without metadata."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading, upright
from leanpix.engine.reading.headers import exif

_HEADER_BYTES = 12
_MAX_CHUNKS = 100_000
_PIXEL_CHUNKS = frozenset({b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"})
_ANIMATION_FLAG, _EXIF_FLAG, _XMP_FLAG, _ALPHA_FLAG, _PROFILE_FLAG = 0x02, 0x08, 0x04, 0x10, 0x20
_SIDE_MASK = 0x3FFF
FRAME_HEADER_BYTES = 16


@dataclass(frozen=True, slots=True)
class Chunk:
    """One RIFF chunk: its name, and where its data begins and ends."""

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Bitmap:
    width_px: int
    height_px: int
    has_alpha: bool
    is_lossless: bool


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a WebP."""
    return source[:4] == b"RIFF" and source[8:12] == b"WEBP"


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a still or animated WebP; raises TaskFailure."""
    with reading("WebP"):
        found = list(chunks(source))
        first = {chunk.name: chunk for chunk in reversed(found)}
        extended = first.get(b"VP8X")
        flags = source[extended.start] if extended else 0
        if flags & _ANIMATION_FLAG and _is_short(source):
            raise damaged("the WebP is cut short")
        if flags & _ANIMATION_FLAG:
            bitmaps = [_frame_bitmap(source, chunk) for chunk in found if chunk.name == b"ANMF"]
        else:
            bitmaps = [_bitmap(source, chunk) for chunk in found if chunk.name in {b"VP8 ", b"VP8L"}][:1]
        width, height = _canvas(source, extended, bitmaps)
    check_size(width, height, max(len(bitmaps), 1), limits)
    _check_bitmaps(bitmaps, width, height, animated=bool(flags & _ANIMATION_FLAG))
    turn = exif.orientation(exif_block(source))
    has_alpha = bool(flags & _ALPHA_FLAG) or any(bitmap.has_alpha for bitmap in bitmaps)
    width, height = upright(width, height, turn)
    return Probe(
        SourceFormat.WEBP,
        width,
        height,
        frames=len(bitmaps),
        has_alpha=has_alpha,
        orientation=turn,
        bands=4 if has_alpha else 3,
        has_profile=b"ICCP" in first,
        is_lossless=all(bitmap.is_lossless for bitmap in bitmaps),
    )


def chunks(source: bytes, start: int = _HEADER_BYTES, end: int | None = None) -> Iterator[Chunk]:
    """The chunks of the file, or of a part of it, that are whole.

    Raises TaskFailure where one is not that makes pixels: what else is cut off at the end costs none.
    """
    end = len(source) if end is None else end
    if start == _HEADER_BYTES:
        (told,) = struct.unpack_from("<I", source, 4)
        end = min(told + 8, end)
    for _ in range(_MAX_CHUNKS):
        if start + 8 > min(end, len(source)):
            return
        name, length = struct.unpack_from("<4sI", source, start)
        if start + 8 + length > len(source):
            if name in _PIXEL_CHUNKS:
                raise damaged("the WebP is cut short")
            return
        yield Chunk(name, start + 8, start + 8 + length)
        start += 8 + length + (length & 1)
    raise damaged("the WebP has too many chunks")


def damage(source: bytes) -> str | None:
    """What is wrong with the file and costs no pixel, in words."""
    return "the WebP's end is missing: its pixels are all there" if _is_short(source) else None


def _is_short(source: bytes) -> bool:
    """Whether there are fewer bytes than the file says; the padding of its last chunk is none of them."""
    (told,) = struct.unpack_from("<I", source, 4)
    return bool(told + 8 > len(source) + 1)


def picture_only(source: bytes) -> bytes:
    """The WebP with the chunks that make its pixels and no others: nothing else reaches native code."""
    kept = [chunk for chunk in chunks(source) if chunk.name in _PIXEL_CHUNKS]
    body = b"".join(_written(source, chunk) for chunk in kept)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def profile(source: bytes) -> bytes | None:
    """The ICC profile, or None."""
    found = next((chunk for chunk in chunks(source) if chunk.name == b"ICCP"), None)
    return source[found.start : found.end] if found else None


def exif_block(source: bytes) -> bytes:
    """The EXIF block; empty where there is none."""
    found = next((chunk for chunk in chunks(source) if chunk.name == b"EXIF"), None)
    return source[found.start : found.end].removeprefix(b"Exif\0\0") if found else b""


def animation(source: bytes) -> tuple[tuple[int, ...], int]:
    """The frames' delays in ms, and how often the animation plays (0: for ever)."""
    delays, loop = [], 0
    for chunk in chunks(source):
        if chunk.name == b"ANIM":
            (loop,) = struct.unpack_from("<H", source, chunk.start + 4)
        elif chunk.name == b"ANMF":
            delays.append(int.from_bytes(source[chunk.start + 12 : chunk.start + 15], "little"))
    return tuple(delays), loop


def _written(source: bytes, chunk: Chunk) -> bytes:
    data = source[chunk.start : chunk.end]
    if chunk.name == b"VP8X":
        data = bytes([data[0] & ~(_EXIF_FLAG | _XMP_FLAG | _PROFILE_FLAG)]) + data[1:]
    return chunk.name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)


def _canvas(source: bytes, extended: Chunk | None, bitmaps: list[_Bitmap]) -> tuple[int, int]:
    if extended is not None:
        field = source[extended.start + 4 : extended.start + 10].ljust(6, b"\0")
        return int.from_bytes(field[:3], "little") + 1, int.from_bytes(field[3:], "little") + 1
    return (bitmaps[0].width_px, bitmaps[0].height_px) if bitmaps else (0, 0)


def _check_bitmaps(bitmaps: list[_Bitmap], width: int, height: int, *, animated: bool) -> None:
    if not bitmaps:
        raise damaged("the WebP has no picture")
    for bitmap in bitmaps:
        fits = bitmap.width_px <= width and bitmap.height_px <= height
        if not fits or (not animated and (bitmap.width_px, bitmap.height_px) != (width, height)):
            raise damaged("the WebP's canvas and its picture disagree")


def _frame_bitmap(source: bytes, frame: Chunk) -> _Bitmap:
    for chunk in chunks(source, frame.start + FRAME_HEADER_BYTES, frame.end):
        if chunk.name in {b"VP8 ", b"VP8L"}:
            return _bitmap(source, chunk)
    raise damaged("a frame of the WebP has no picture")


def _bitmap(source: bytes, chunk: Chunk) -> _Bitmap:
    if chunk.name == b"VP8L":
        signature, fields = struct.unpack_from("<BI", source, chunk.start)
        if signature != 0x2F:  # noqa: PLR2004 - the lossless bitstream's signature byte
            raise damaged("the WebP's lossless header is broken")
        width, height = (fields & _SIDE_MASK) + 1, (fields >> 14 & _SIDE_MASK) + 1
        return _Bitmap(width, height, bool(fields >> 28 & 1), is_lossless=True)
    code, width, height = struct.unpack_from("<3sHH", source, chunk.start + 3)
    if code != b"\x9d\x01\x2a":
        raise damaged("the WebP's key frame is broken")
    return _Bitmap(width & _SIDE_MASK, height & _SIDE_MASK, has_alpha=False, is_lossless=False)
