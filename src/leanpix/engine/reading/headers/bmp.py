"""BMP: size, depth, masks, palette and where the pixels are; whether they can be there at all."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading, unsupported

_FILE_HEADER_BYTES = 14
_OS2_HEADER_BYTES, _OS2_SECOND_HEADER_BYTES = 12, 64
_INFO_HEADER_BYTES = 40
_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
_DEPTHS = frozenset({1, 2, 4, 8, 16, 24, 32})
_INDEXED_BITS = 8
PLAIN, RLE8, RLE4, FIELDS, ALPHA_FIELDS = 0, 1, 2, 3, 6
_RLE_DEPTHS = {RLE8: 8, RLE4: 4}
_MASKED_DEPTHS = frozenset({16, 32})
_PLAIN_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 24: (0xFF0000, 0xFF00, 0xFF, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
_ALPHA_MASK_HEADER_BYTES = 56
_PROFILE_HEADER_BYTES = 124
_EMBEDDED = 0x4D424544


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels lie in the file.

    masks: of red, green, blue and alpha in a pixel's number, empty for indices. palette: where its bytes begin and end,
    and how many each colour has. row_bytes: of a row that is not packed.
    """

    width_px: int
    height_px: int
    bits: int
    packing: int
    start: int
    masks: tuple[int, ...]
    palette: tuple[int, int, int]
    profile: tuple[int, int]
    is_top_down: bool

    @property
    def has_alpha(self) -> bool:
        """Whether the pixels have an alpha."""
        return bool(self.masks and self.masks[3])

    @property
    def row_bytes(self) -> int:
        """Rows are padded to four bytes."""
        return (self.width_px * self.bits + 31) // 32 * 4


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a BMP: two letters are little, so the header's length has to be one in use."""
    return source[:2] == b"BM" and int.from_bytes(source[14:18], "little") in _HEADER_SIZES


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a BMP; raises TaskFailure."""
    found = layout(source)
    check_size(found.width_px, found.height_px, 1, limits)
    # The last row's padding is no pixel.
    needed = found.row_bytes * (found.height_px - 1) + (found.width_px * found.bits + 7) // 8
    if found.packing not in _RLE_DEPTHS and found.start + needed > len(source):
        raise damaged("the BMP is cut short")
    return Probe(
        SourceFormat.BMP,
        found.width_px,
        found.height_px,
        has_alpha=found.has_alpha,
        bands=4 if found.has_alpha else 3,
        has_profile=found.profile[1] > found.profile[0],
        is_lossless=True,
    )


def layout(source: bytes) -> Layout:
    """How the pixels of a BMP lie in its bytes; raises TaskFailure for what is no BMP that browsers read."""
    with reading("BMP"):
        told_start, size = struct.unpack_from("<I", source, 10)[0], struct.unpack_from("<I", source, 14)[0]
        if size == _OS2_HEADER_BYTES:
            width, height, _, bits = struct.unpack_from("<HHHH", source, 18)
            packing, colours = PLAIN, 0
        else:
            width, height, _, bits, packing, _, _, _, colours = struct.unpack_from("<iiHHIIiiI", source, 18)
        masks = _masks(source, size, bits, packing)
    if bits not in _DEPTHS or _RLE_DEPTHS.get(packing, bits) != bits:
        raise damaged("the BMP's depth is none that there is")
    if packing not in {PLAIN, FIELDS, ALPHA_FIELDS, *_RLE_DEPTHS}:
        raise unsupported("BMP with this packing is not read")
    own_masks = {FIELDS: 3, ALPHA_FIELDS: 4}.get(packing, 0) if size == _INFO_HEADER_BYTES else 0
    behind = _FILE_HEADER_BYTES + size + 4 * own_masks
    each = 3 if size == _OS2_HEADER_BYTES else 4
    most = 1 << bits if bits <= _INDEXED_BITS else 0
    count = min(colours or most, most)
    start = told_start or behind + each * count
    palette = (behind, min(behind + each * count, max(start, behind)), each)
    return Layout(width, abs(height), bits, packing, start, masks, palette, _profile(source, size), height < 0)


def _masks(source: bytes, size: int, bits: int, packing: int) -> tuple[int, ...]:
    if bits <= _INDEXED_BITS:
        return ()
    if packing not in {FIELDS, ALPHA_FIELDS}:
        return _PLAIN_MASKS.get(bits, ())
    if bits not in _MASKED_DEPTHS or size == _OS2_SECOND_HEADER_BYTES:
        raise unsupported("BMP with this packing is not read")
    count = 4 if packing == ALPHA_FIELDS or size >= _ALPHA_MASK_HEADER_BYTES else 3
    masks = struct.unpack_from(f"<{count}I", source, _FILE_HEADER_BYTES + _INFO_HEADER_BYTES)
    masks = tuple(mask & ((1 << bits) - 1) for mask in masks)
    if any(not _is_run(mask) for mask in masks):
        raise damaged("a mask of the BMP has gaps")
    return (*masks, 0)[:4]


def _is_run(mask: int) -> bool:
    """Whether the bits of a mask lie side by side."""
    lowest = mask & -mask
    return not mask or not (mask // lowest) & (mask // lowest + 1)


def _profile(source: bytes, size: int) -> tuple[int, int]:
    """Where the embedded profile begins and ends; nowhere if there is none."""
    if size < _PROFILE_HEADER_BYTES or len(source) < _FILE_HEADER_BYTES + size:
        return 0, 0
    (space,) = struct.unpack_from("<I", source, _FILE_HEADER_BYTES + 56)
    at, length = struct.unpack_from("<II", source, _FILE_HEADER_BYTES + 112)
    start = _FILE_HEADER_BYTES + at
    return (start, start + length) if space == _EMBEDDED and start + length <= len(source) else (0, 0)
