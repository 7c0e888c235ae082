"""JPEG XL (ISO/IEC 18181-1 and -2): the bits that a codestream begins with, and the boxes it may lie in."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading, upright
from leanpix.engine.reading.headers.boxes import Box, box, boxes

_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_CODESTREAM = b"\xff\x0a"
_HEAD_BYTES = 4096
"""More than a header takes without an ICC profile, which comes after all that is read here."""

_PIXEL_BOXES = frozenset({b"JXL ", b"ftyp", b"jxll", b"jxlc", b"jxlp"})
_PART_NUMBER_BYTES = 4
_EXIF_OFFSET_BYTES = 4
_MOST_EXTRA_CHANNELS = 256
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_ALPHA, _SPOT, _CFA = 0, 2, 5
_GRAY, _XYB = 1, 2
_CUSTOM, _SRGB, _D65 = 2, 13, 1

# Numbers of the four kinds that U32 chooses from: (bits, offset).
_SIDE = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_DEPTH = ((0, 8), (0, 10), (0, 12), (6, 1))
_FLOAT_DEPTH = ((0, 32), (0, 16), (0, 24), (6, 1))
_CHANNELS = ((0, 0), (0, 1), (4, 2), (12, 1))
_SHIFT = ((0, 0), (0, 3), (0, 4), (3, 1))
_NAME = ((0, 0), (4, 0), (5, 16), (10, 48))
_XY = ((19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152))
_PREVIEW = ((6, 1), (8, 65), (10, 321), (12, 1345))
_PREVIEW_EIGHTHS = ((0, 16), (0, 32), (5, 1), (9, 33))
_TICKS, _TICKS_DIVISOR, _LOOPS = ((0, 100), (0, 1000), (10, 1), (30, 1)), ((0, 1), (0, 1001), (8, 1), (10, 1)), (
    (0, 0), (3, 0), (16, 0), (32, 0),
)  # fmt: skip
_FILTER = ((0, 1), (2, 0), (4, 3), (8, 19))


@dataclass(slots=True)
class _Bits:
    """A stream of bits, the lowest of each byte first; struct.error behind its end."""

    value: int
    left: int

    @classmethod
    def of(cls, data: bytes) -> _Bits:
        return cls(int.from_bytes(data, "little"), 8 * len(data))

    def take(self, bits: int) -> int:
        if bits > self.left:
            raise struct.error("the header ends too early")
        found = self.value & ((1 << bits) - 1)
        self.value >>= bits
        self.left -= bits
        return found

    def flag(self) -> bool:
        return self.take(1) == 1

    def u32(self, kinds: tuple[tuple[int, int], ...]) -> int:
        bits, offset = kinds[self.take(2)]
        return offset + self.take(bits)


@dataclass(slots=True)
class _Header:
    """What the codestream says of its picture."""

    width_px: int
    height_px: int
    orientation: int = 1
    is_animated: bool = False
    bits: int = 8
    has_alpha: bool = False
    is_gray: bool = False
    is_srgb: bool = True
    is_xyb: bool = True


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a JPEG XL, in its container or bare."""
    return source.startswith((_CONTAINER, _CODESTREAM))


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe; raises TaskFailure. An animation counts two frames: how many there are only its whole tells."""
    with reading("JPEG XL"):
        found = _header(_Bits.of(_codestream_head(source)))
    turn = found.orientation
    width, height = upright(found.width_px, found.height_px, turn)
    check_size(found.width_px, found.height_px, 1, limits)
    return Probe(
        SourceFormat.JXL,
        width,
        height,
        frames=2 if found.is_animated else 1,
        has_alpha=found.has_alpha,
        orientation=turn,
        bands=(1 if found.is_gray else 3) + found.has_alpha,
        bits=found.bits,
        has_profile=not found.is_srgb,
        is_lossless=not found.is_xyb and not packs_jpeg(source),
    )


def packs_jpeg(source: bytes) -> bool:
    """Whether a JPEG file can be had back from it."""
    return any(one.kind == b"jbrd" for one in parts(source))


def exif_block(source: bytes) -> bytes:
    """The EXIF block; empty where there is none, or where it is packed."""
    found = next((one for one in parts(source) if one.kind == b"Exif"), None)
    return b"" if found is None else exif_content(source[found.content : found.end])


def exif_content(content: bytes) -> bytes:
    """The TIFF structure of an Exif box or item, which says by how much it lies behind that box's first four bytes."""
    skipped = int.from_bytes(content[:_EXIF_OFFSET_BYTES])
    return content[_EXIF_OFFSET_BYTES + skipped :].removeprefix(b"Exif\0\0")


def parts(source: bytes) -> Iterator[Box]:
    """The boxes of the container; none of a bare codestream. struct.error for one that does not fit."""
    if source.startswith(_CONTAINER):
        yield from boxes(source)


def picture_only(source: bytes) -> bytes:
    """The same picture without what lies beside it, in a container."""
    if not source.startswith(_CONTAINER):
        return _CONTAINER + box(b"ftyp", b"jxl \0\0\0\0jxl ") + box(b"jxlc", source)
    return b"".join(source[one.start : one.end] for one in parts(source) if one.kind in _PIXEL_BOXES)


def _codestream_head(source: bytes) -> bytes:
    if not source.startswith(_CONTAINER):
        return source[:_HEAD_BYTES]
    head = b""
    for one in boxes(source, may_be_cut=True):
        if one.kind == b"jxlc":
            head += source[one.content : min(one.end, one.content + _HEAD_BYTES)]
        elif one.kind == b"jxlp":
            start = one.content + _PART_NUMBER_BYTES
            head += source[start : min(one.end, start + _HEAD_BYTES)]
        if len(head) >= _HEAD_BYTES:
            break
    if not head.startswith(_CODESTREAM):
        raise damaged("the JPEG XL has no picture")
    return head


def _header(bits: _Bits) -> _Header:
    bits.take(8 * len(_CODESTREAM))
    found = _Header(*_sides(bits))
    if bits.flag():  # all of it is as is usual
        return found
    if bits.flag():
        found.orientation = 1 + bits.take(3)
        if bits.flag():
            _sides(bits)  # what it is meant to be shown at: browsers show its pixels
        if bits.flag():
            _skip_preview(bits)
        found.is_animated = bits.flag()
        if found.is_animated:
            for kinds in (_TICKS, _TICKS_DIVISOR, _LOOPS):
                bits.u32(kinds)
            bits.take(1)
    found.bits = _depth(bits)
    bits.take(1)  # whether 16 bits do for its samples on the way
    extra_channels = bits.u32(_CHANNELS)
    if extra_channels > _MOST_EXTRA_CHANNELS:
        raise damaged("the JPEG XL has too many channels")
    alphas = [_is_alpha(bits) for _ in range(extra_channels)]  # each has to be read
    found.has_alpha = any(alphas)
    found.is_xyb = bits.flag()
    _read_colour(bits, found)
    return found


def _sides(bits: _Bits) -> tuple[int, int]:
    """Width and height."""
    is_small = bits.flag()

    def side() -> int:
        return 8 * (bits.take(5) + 1) if is_small else bits.u32(_SIDE)

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _skip_preview(bits: _Bits) -> None:
    kinds = _PREVIEW_EIGHTHS if bits.flag() else _PREVIEW
    bits.u32(kinds)
    if not bits.take(3):
        bits.u32(kinds)


def _depth(bits: _Bits) -> int:
    """Bits of a sample."""
    if not bits.flag():
        return bits.u32(_DEPTH)
    depth = bits.u32(_FLOAT_DEPTH)
    bits.take(4)
    return depth


def _is_alpha(bits: _Bits) -> bool:
    """Read one extra channel; whether it is alpha."""
    if bits.flag():
        return True
    kind = bits.u32(_ENUM)
    _depth(bits)
    bits.u32(_SHIFT)
    bits.take(8 * bits.u32(_NAME))
    if kind == _ALPHA:
        bits.take(1)
    elif kind == _SPOT:
        bits.take(4 * 16)
    elif kind == _CFA:
        bits.u32(_FILTER)
    return kind == _ALPHA


def _read_colour(bits: _Bits, found: _Header) -> None:
    if bits.flag():
        return
    has_icc, space = bits.flag(), bits.u32(_ENUM)
    found.is_gray, found.is_srgb = space == _GRAY, False
    if has_icc or space == _XYB:
        return
    white = bits.u32(_ENUM)
    if white == _CUSTOM:
        _skip_chromaticities(bits, 1)
    primaries = 1
    if not found.is_gray:
        primaries = bits.u32(_ENUM)
        if primaries == _CUSTOM:
            _skip_chromaticities(bits, 3)
    transfer = math.nan if bits.flag() else bits.u32(_ENUM)
    found.is_srgb = (white, primaries, transfer) == (_D65, 1, _SRGB)


def _skip_chromaticities(bits: _Bits, points: int) -> None:
    for _ in range(2 * points):
        bits.u32(_XY)
