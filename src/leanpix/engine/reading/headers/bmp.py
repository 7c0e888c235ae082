"""BMP: size, depth and whether the pixels can be there at all."""

from __future__ import annotations

import struct

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading

_FILE_HEADER_BYTES = 14
_OS2_HEADER_BYTES = 12
_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
_DEPTHS = frozenset({1, 2, 4, 8, 16, 24, 32})
_UNPACKED = frozenset({0, 3})
_MASKED = 3
_ALPHA_MASK_AT = _FILE_HEADER_BYTES + 52
_ALPHA_MASK_HEADER_BYTES = 56


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a BMP: two letters are little, so the header's length has to be one in use."""
    return source[:2] == b"BM" and int.from_bytes(source[14:18], "little") in _HEADER_SIZES


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a BMP; raises TaskFailure."""
    with reading("BMP"):
        offset, size = struct.unpack_from("<I", source, 10)[0], struct.unpack_from("<I", source, 14)[0]
        if size == _OS2_HEADER_BYTES:
            width, height, _, bits = struct.unpack_from("<HHHH", source, 18)
            packing = 0
        else:
            width, height, _, bits, packing = struct.unpack_from("<iiHHI", source, 18)
        masked = packing == _MASKED and size >= _ALPHA_MASK_HEADER_BYTES
        has_alpha = masked and struct.unpack_from("<I", source, _ALPHA_MASK_AT)[0] != 0
    height = abs(height)
    check_size(width, height, 1, limits)
    row_bytes = (width * bits + 31) // 32 * 4
    if bits not in _DEPTHS or (packing in _UNPACKED and offset + row_bytes * height > len(source)):
        raise damaged("the BMP is cut short")
    return Probe(SourceFormat.BMP, width, height, has_alpha=has_alpha, bands=4 if has_alpha else 3, is_lossless=True)
