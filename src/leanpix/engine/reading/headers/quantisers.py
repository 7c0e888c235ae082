"""How coarsely a lossy file was quantised, by its own header, and whether an encode of this engine wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from leanpix.engine.facts import reading
from leanpix.engine.reading.headers import jpeg, webp

_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_COLOUR = 3
_OWN_TABLES = frozenset({(0, 2, 2), (0, 3, 2), (2, 2, 2), (2,)})
"""The tables of a JPEG's components, of colour and of gray, as own encodes number them (codecs.jpeg.own_tables). Others
take 0, 1, 1 or 0, 1, 2 or 0, 0, 0, and 0."""

_OWN_SHARPNESS = 7
"""Of a WebP's loop filter; libwebp's default, and nearly all other files', is 0."""

_SEGMENTS = 4
_FRAME_HEADER_BYTES = 10
_COARSEST = 127


@dataclass(frozen=True, slots=True)
class Quantisers:
    """quality: libjpeg's or libwebp's, 0 to 100, that the file's steps stand for; None where that cannot be told.

    is_whole_chroma: colour at full resolution. is_own: encoded by this engine.
    """

    quality: float | None
    is_whole_chroma: bool = False
    is_own: bool = False


def jpeg_quantisers(source: bytes, quality: float | None) -> Quantisers:
    """Of a JPEG whose header was read, and its quality by the luminance table."""
    with reading("JPEG"):
        frame = next((one for one in jpeg.segments(source) if one.marker in _FRAMES), None)
        if frame is None:
            return Quantisers(quality)
        components = source[frame.payload + 6 : frame.end]
        tables, factors = tuple(components[2::3]), set(components[1::3])
    is_whole_chroma = len(tables) < _COLOUR or len(factors) == 1
    return Quantisers(quality, is_whole_chroma=is_whole_chroma, is_own=tables in _OWN_TABLES)


def webp_quantisers(source: bytes) -> Quantisers | None:
    """Of the first lossy frame of a WebP whose header was read; None of a lossless one."""
    frame = next((chunk for chunk in _bitmaps(source) if chunk.name == b"VP8 "), None)
    if frame is None:
        return None
    with reading("WebP"):
        header = _frame_header(source[frame.start + _FRAME_HEADER_BYTES : frame.end])
    mean = sum(header.indices) / len(header.indices)
    return Quantisers(_webp_quality(mean), is_own=header.sharpness == _OWN_SHARPNESS)


def _bitmaps(source: bytes) -> Iterator[webp.Chunk]:
    for chunk in webp.chunks(source):
        if chunk.name == b"ANMF":
            yield from webp.chunks(source, chunk.start + webp.FRAME_HEADER_BYTES, chunk.end)
        else:
            yield chunk


def _webp_quality(index: float) -> float:
    """Libwebp's quality for a quantiser index, the inverse of its own rule (QualityToCompression)."""
    linear = (1 - index / _COARSEST) ** 3
    return 100 * (linear * 1.5 if linear < 0.5 else (linear + 1) / 2)  # noqa: PLR2004 - the rule's own bend


@dataclass(frozen=True, slots=True)
class _FrameHeader:
    indices: tuple[int, ...]
    sharpness: int


@dataclass(slots=True)
class _Bits:
    """VP8's arithmetic decoder for flags and numbers that are as likely one as the other (RFC 6386, section 7)."""

    data: bytes
    value: int = 0
    spread: int = 255
    missing: int = 8
    at: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        self.value = self.data[0] << 8 | self.data[1]

    def flag(self) -> bool:
        split = 1 + ((self.spread - 1) >> 1)
        is_set = self.value >= split << 8
        if is_set:
            self.value -= split << 8
            self.spread -= split
        else:
            self.spread = split
        while self.spread < 128:  # noqa: PLR2004 - half of a byte's range
            self.value <<= 1
            self.spread <<= 1
            self.missing -= 1
            if self.missing == 0:
                self.missing = 8
                self.value |= self.data[self.at]
                self.at += 1
        return is_set

    def number(self, bits: int) -> int:
        return sum(self.flag() << place for place in reversed(range(bits)))

    def signed(self, bits: int) -> int:
        magnitude = self.number(bits)
        return -magnitude if self.flag() else magnitude

    def optional(self, bits: int) -> int:
        return self.signed(bits) if self.flag() else 0


def _frame_header(data: bytes) -> _FrameHeader:
    """RFC 6386, section 9.2 to 9.6, of a key frame."""
    bits = _Bits(data)
    bits.number(2)  # colour space, clamping
    is_absolute, offsets = False, [0]
    if bits.flag():
        has_map, has_data = bits.flag(), bits.flag()
        if has_data:
            is_absolute = bits.flag()
            offsets = [bits.optional(7) for _ in range(_SEGMENTS)]
            [bits.optional(6) for _ in range(_SEGMENTS)]
        if has_map:
            [bits.number(8) for _ in range(3) if bits.flag()]
    bits.number(1 + 6)  # filter type and level
    sharpness = bits.number(3)
    if bits.flag() and bits.flag():  # adjustments of the filter, and that they are here
        [bits.optional(6) for _ in range(8)]
    bits.number(2)  # partitions
    base = bits.number(7)
    indices = (min(max(one if is_absolute else base + one, 0), _COARSEST) for one in offsets)
    return _FrameHeader(tuple(indices), sharpness)
