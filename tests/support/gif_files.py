"""GIF files written block by block, sound ones and others."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

KEEP, CLEAR, RESTORE = 1, 2, 3
COLOURS = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0, 0, 255, 255, 255, 0, 255, 10, 20, 30, 200, 200, 200])
"""Red, green, blue, yellow, cyan, magenta, nearly black and light gray."""


def lzw(indices: NDArray[np.integer], bits: int = 3) -> bytes:
    """The code size and the data in blocks: every index a code of its own, the table cleared before codes grow."""
    clear = 1 << bits
    width = bits + 1
    codes = [clear]
    for number, index in enumerate(indices.reshape(-1).tolist()):
        codes.append(index)
        if number % (clear - 2) == clear - 3:
            codes.append(clear)
    codes.append(clear + 1)
    packed = sum(code << width * number for number, code in enumerate(codes))
    data = packed.to_bytes((width * len(codes) + 7) // 8, "little")
    blocks = [data[at : at + 255] for at in range(0, len(data), 255)]
    return bytes([bits]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def frame(
    indices: NDArray[np.integer],
    left: int = 0,
    top: int = 0,
    disposal: int = KEEP,
    *,
    transparent: int | None = None,
    delay: int = 10,
    palette: bytes = b"",
    is_interlaced: bool = False,
) -> bytes:
    """A frame with its control block."""
    height, width = indices.shape
    if is_interlaced:
        rows = [row for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for row in range(first, height, step)]
        indices = indices[rows]
    flags = (0x40 if is_interlaced else 0) | (0x80 | _size_bits(palette) if palette else 0)
    control = struct.pack(
        "<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | (transparent is not None), delay, transparent or 0, 0
    )
    return control + struct.pack("<BHHHHB", 0x2C, left, top, width, height, flags) + palette + lzw(indices)


def gif(
    width: int,
    height: int,
    frames: list[bytes],
    *,
    palette: bytes = COLOURS,
    background: int = 0,
    end: bytes = b";",
) -> bytes:
    """A GIF that plays for ever."""
    flags = 0x80 | _size_bits(palette) if palette else 0
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, flags, background, 0) + palette
    return head + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" + b"".join(frames) + end


def _size_bits(palette: bytes) -> int:
    return (len(palette) // 3).bit_length() - 2
