"""TIFF files of every layout, written tag by tag."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

NONE, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32773
MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, LONG8 = 1, 2, 3, 4, 5, 7, 10, 16
_SIZES = {BYTE: 1, ASCII: 1, SRATIONAL: 8, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1, LONG8: 8}

Tags = Mapping[int, tuple[int, Sequence[int] | bytes]]
Order = Literal["<", ">"]


def lzw(data: bytes) -> bytes:
    """LZW as TIFF has it: codes of 9 to 12 bits, the highest bit first."""
    table: dict[bytes, int] = {bytes([value]): value for value in range(256)}
    bits, width, out = [f"{256:09b}"], 9, b""
    for value in data:
        step = out + bytes([value])
        if step in table:
            out = step
            continue
        bits.append(f"{table[out]:0{width}b}")
        table[step] = len(table) + 2
        # The decoder is one entry behind, and changes the width early.
        width = 9 if len(table) + 2 < 512 else 10 if len(table) + 2 < 1024 else 11 if len(table) + 2 < 2048 else 12
        if len(table) + 2 == 4094:
            bits.append(f"{256:0{width}b}")
            table, width = {bytes([value]): value for value in range(256)}, 9
        out = bytes([value])
    if out:
        bits.append(f"{table[out]:0{width}b}")
    bits.append(f"{257:0{width}b}")
    text = "".join(bits)
    return int(text.ljust((len(text) + 7) // 8 * 8, "0"), 2).to_bytes((len(text) + 7) // 8)


def packbits(data: bytes) -> bytes:
    """PackBits without a run: every piece is literal."""
    return b"".join(bytes([len(data[at : at + 128]) - 1]) + data[at : at + 128] for at in range(0, len(data), 128))


PACKERS: Mapping[int, Callable[[bytes], bytes]] = {NONE: bytes, LZW: lzw, DEFLATE: zlib.compress, PACKBITS: packbits}


def tiff(
    directories: Sequence[tuple[Tags, Sequence[bytes]]],
    order: str = "<",
    *,
    is_big: bool = False,
    is_data_last: bool = False,
) -> bytes:
    """A TIFF of directories, each its tags and its strips or tiles, whose offsets and counts are added.

    Tags 324 and 325 stand in for 273 and 279 where tag 322 says tiles. Pixels stand before their directory, as
    libtiff writes them, or all at the end, as cameras do.
    """
    mark = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if is_big else 42)
    head = mark + (struct.pack(order + "HH", 8, 0) if is_big else b"") + bytes(8 if is_big else 4)
    if not is_data_last:
        return bytes(_written(bytearray(head), directories, order, [], is_big=is_big))
    everything = [piece + bytes(-len(piece) % 2) for _, pieces in directories for piece in pieces]
    # The first turn tells how long the directories are.
    start = len(_written(bytearray(head), directories, order, [1 << 20] * len(everything), is_big=is_big))
    offsets = [start + sum(map(len, everything[:number])) for number in range(len(everything))]
    return b"".join([_written(bytearray(head), directories, order, offsets, is_big=is_big), *everything])


def _written(
    out: bytearray,
    directories: Sequence[tuple[Tags, Sequence[bytes]]],
    order: str,
    told: Sequence[int],
    *,
    is_big: bool,
) -> bytearray:
    """The header and the directories; their pieces too where no offsets are told."""
    wide, kind = ("Q", LONG8) if is_big else ("I", LONG)
    link, waiting = len(out) - (8 if is_big else 4), iter(told)
    for tags, pieces in directories:
        offsets = []
        for piece in pieces:
            if not told:
                out += bytes(-len(out) % 2)
            offsets.append(next(waiting, len(out)))
            out += b"" if told else piece
        names = (324, 325) if 322 in tags else (273, 279)
        own: Tags = {names[0]: (kind, offsets), names[1]: (kind, [len(piece) for piece in pieces])} if pieces else {}
        out += bytes(-len(out) % 8)
        struct.pack_into(order + wide, out, link, len(out))
        link = _write_directory(out, {**own, **tags}, order, is_big=is_big)
    return out


def _write_directory(out: bytearray, tags: Tags, order: str, *, is_big: bool) -> int:
    """Append a directory with its values; where the offset of the next has to be written."""
    wide, inline = ("Q", 8) if is_big else ("I", 4)
    count = len(tags)
    begin = len(out)
    room = (8 if is_big else 2) + count * (20 if is_big else 12) + inline
    values_at = begin + room
    entries, values = struct.pack(order + ("Q" if is_big else "H"), count), b""
    for tag, (kind, value) in sorted(tags.items()):
        letter = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I", SRATIONAL: "i", LONG8: "Q"}.get(kind, "B")
        data = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}{letter}", *value)
        number = len(data) // _SIZES[kind]
        if len(data) > inline:
            field = struct.pack(order + wide, values_at + len(values))
            values += data + bytes(-len(data) % 8)
        else:
            field = data.ljust(inline, b"\0")
        entries += struct.pack(f"{order}HH{wide}", tag, kind, number) + field
    link = begin + len(entries)
    out += entries + bytes(inline) + values
    return link


def page(
    samples: NDArray[np.generic],
    photometric: int,
    *,
    compression: int = NONE,
    tile: int = 0,
    rows: int = 7,
    is_planar: bool = False,
    is_differenced: bool = False,
    order: Order = "<",
    more: Tags | None = None,
) -> tuple[Tags, list[bytes]]:
    """The tags and the pieces of a picture of (H, W, bands), in strips of so many rows or in square tiles."""
    height, width, bands = samples.shape
    size = samples.dtype.itemsize
    planes = [samples[..., band : band + 1] for band in range(bands)] if is_planar else [samples]
    pieces = [
        PACKERS[compression](_bytes(_differenced(part) if is_differenced else part, order))
        for plane in planes
        for part in (_tiles(plane, tile) if tile else _strips(plane, rows))
    ]
    sample_format = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    tags: dict[int, tuple[int, Sequence[int] | bytes]] = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [8 * size] * bands),
        259: (SHORT, [compression]),
        262: (SHORT, [photometric]),
        277: (SHORT, [bands]),
        284: (SHORT, [2 if is_planar else 1]),
        339: (SHORT, [sample_format] * bands),
    }
    tags |= {322: (SHORT, [tile]), 323: (SHORT, [tile])} if tile else {278: (LONG, [rows])}
    tags |= {317: (SHORT, [2])} if is_differenced else {}
    return tags | dict(more or {}), pieces


def _strips(plane: NDArray[np.generic], rows: int) -> list[NDArray[np.generic]]:
    return [plane[top : top + rows] for top in range(0, len(plane), rows)]


def _tiles(plane: NDArray[np.generic], side: int) -> list[NDArray[np.generic]]:
    height, width = plane.shape[:2]
    grown = np.pad(plane, ((0, -height % side), (0, -width % side), (0, 0)))
    tops, lefts = range(0, height, side), range(0, width, side)
    return [grown[top : top + side, left : left + side] for top in tops for left in lefts]


def _differenced(part: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate([part[:, :1], np.diff(part, axis=1)], axis=1)


def _bytes(part: NDArray[np.generic], order: Order) -> bytes:
    return part.astype(part.dtype.newbyteorder(order)).tobytes()


def ycbcr(rgb: NDArray[np.uint8], across: int, down: int) -> tuple[NDArray[np.uint8], ...]:
    """Y, and Cb and Cr averaged over blocks of this size; the sides have to be multiples of it."""
    r, g, b = np.moveaxis(rgb.astype(float), -1, 0)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    planes = [luma]
    for colour, share in ((b, 0.114), (r, 0.299)):
        chroma = (colour - luma) / (2 - 2 * share) + 128
        height, width = chroma.shape
        planes.append(chroma.reshape(height // down, down, width // across, across).mean(axis=(1, 3)))
    return tuple(np.clip(plane.round(), 0, 255).astype(np.uint8) for plane in planes)


def ycbcr_units(planes: Sequence[NDArray[np.uint8]], across: int, down: int) -> NDArray[np.uint8]:
    """The samples as TIFF stores them side by side: (rows of blocks, blocks, samples of a block)."""
    luma, blue, red = planes
    rows, columns = blue.shape
    blocks = luma.reshape(rows, down, columns, across).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    return np.concatenate([blocks, blue[..., np.newaxis], red[..., np.newaxis]], axis=2)


def dng(mosaic: NDArray[np.uint16], *, tile: int = 0, compression: int = NONE, more: Tags | None = None) -> bytes:
    """A camera's raw picture as DNG, laid out as cameras do: directories first, a thumbnail, the sensor's data last."""
    thumbnail = page(np.full((12, 16, 3), 90, np.uint8), RGB, more={254: (LONG, [1])})
    matrix = [value for number in (1, 0, 0, 0, 1, 0, 0, 0, 1) for value in (number, 1)]
    own: dict[int, tuple[int, Sequence[int] | bytes]] = {
        254: (LONG, [0]),
        262: (SHORT, [32803]),
        271: (ASCII, b"Maker\0"),
        272: (ASCII, b"Model\0"),
        33421: (SHORT, [2, 2]),
        33422: (BYTE, [0, 1, 1, 2]),
        50706: (BYTE, [1, 4, 0, 0]),
        50708: (ASCII, b"Maker Model\0"),
        50721: (SRATIONAL, matrix),
        50728: (RATIONAL, [1, 1, 1, 1, 1, 1]),
        50717: (LONG, [65535]),
        50778: (SHORT, [21]),
    }
    raw = page(mosaic[..., np.newaxis], 32803, tile=tile, rows=64, compression=compression, more=own | dict(more or {}))
    return tiff([raw, thumbnail], is_data_last=True)
