"""BMP files of every header and depth, written field by field."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

OS2, INFO, WITH_MASKS, WITH_ALPHA_MASK, V4, V5 = 12, 40, 52, 56, 108, 124
PLAIN, RLE8, RLE4, FIELDS, ALPHA_FIELDS = 0, 1, 2, 3, 6
SRGB_SPACE = 0x73524742


def packed_rows(codes: NDArray[np.uint32], bits: int) -> bytes:
    """Rows of pixel codes, (H, W), padded to 4 bytes."""
    rows = []
    for row in codes:
        if bits >= 8:
            data = row.astype("<u4").view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()
        else:
            data = np.packbits((row.reshape(-1, 1) >> np.arange(bits - 1, -1, -1)) & 1).tobytes()
        rows.append(data + bytes(-len(data) % 4))
    return b"".join(rows)


def bmp(
    size: tuple[int, int],
    bits: int,
    data: bytes,
    *,
    header: int = INFO,
    packing: int = PLAIN,
    masks: tuple[int, ...] = (),
    palette: bytes = b"",
    colours: int = 0,
    is_top_down: bool = False,
    space: int = SRGB_SPACE,
    endpoints: tuple[float, ...] = (0.0,) * 9,
    gammas: tuple[float, ...] = (0.0,) * 3,
    profile: bytes = b"",
    padding: bytes = b"",
) -> bytes:
    """A BMP; masks stand behind a header of 40 bytes, else within it."""
    width, height = size
    told_height = -height if is_top_down else height
    if header == OS2:
        info = struct.pack("<IHHHH", header, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, told_height, 1, bits, packing, len(data), 0, 0, colours, 0)
        fields = struct.pack(f"<{len(masks)}I", *masks)
        if header == INFO:
            info += fields
        else:
            info += fields.ljust(16, b"\0")
            info += struct.pack("<I", space)
            info += struct.pack("<9i", *(round(value * (1 << 30)) for value in endpoints))
            info += struct.pack("<3I", *(round(value * (1 << 16)) for value in gammas))
            at = header + len(palette) + len(padding) + len(data)
            info += struct.pack("<IIII", 0, at if profile else 0, len(profile), 0)
            info = info[:header].ljust(header, b"\0")
    offset = 14 + len(info) + len(palette) + len(padding)
    body = info + palette + padding + data + profile
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, offset) + body
