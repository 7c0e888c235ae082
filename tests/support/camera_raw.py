"""Camera raw of several makers, laid out as their cameras lay it out; the sensor's data is not compressed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from tests.support.tiff_files import ASCII, BYTE, LONG, RGB, SHORT, page, tiff

_MOSAIC = 32803


def of_tiff(maker: str, model: str, mosaic: NDArray[np.uint16], magic: bytes = b"") -> bytes:
    """A maker's TIFF: directories, a thumbnail, the sensor's data last; its signature may be the maker's own."""
    thumbnail = page(np.full((12, 16, 3), 90, np.uint8), RGB, more={254: (LONG, [1])})
    own = {
        254: (LONG, [0]),
        262: (SHORT, [_MOSAIC]),
        271: (ASCII, f"{maker}\0".encode()),
        272: (ASCII, f"{model}\0".encode()),
        33421: (SHORT, [2, 2]),
        33422: (BYTE, [0, 1, 1, 2]),
    }
    raw = page(mosaic[..., np.newaxis], _MOSAIC, rows=64, more=own)
    file = tiff([raw, thumbnail], is_data_last=True)
    return magic + file[len(magic) :]


def of_fujifilm(mosaic: NDArray[np.uint16]) -> bytes:
    """Fujifilm's RAF: offsets of a JPEG, of the sizes and of the sensor's data behind a header."""
    height, width = mosaic.shape
    preview = bytes(200)
    sizes = struct.pack(">I8H", 2, 0x100, 4, height, width, 0x121, 4, height, width)
    data = mosaic.astype("<u2").tobytes()
    header = b"FUJIFILMCCD-RAW 0201FF129502" + b"FinePix S2Pro".ljust(32, b"\0") + b"0100"
    preview_at = 200
    sizes_at = preview_at + len(preview)
    parts = (preview_at, len(preview), sizes_at, len(sizes), sizes_at + len(sizes), len(data))
    return (header.ljust(84, b"\0") + struct.pack(">6I", *parts)).ljust(preview_at, b"\0") + preview + sizes + data


MAKERS: dict[str, Callable[[NDArray[np.uint16]], bytes]] = {
    "Nikon": partial(of_tiff, "NIKON CORPORATION", "NIKON D100"),
    "Sony": partial(of_tiff, "SONY", "DSLR-A900"),
    "Pentax": partial(of_tiff, "PENTAX", "PENTAX K10D"),
    "Canon": partial(of_tiff, "Canon", "EOS-1D"),
    "Hasselblad": partial(of_tiff, "Hasselblad", "Hasselblad H3D"),
    "Leica": partial(of_tiff, "Leica Camera AG", "M8"),
    "Panasonic": partial(of_tiff, "Panasonic", "DMC-G1", magic=b"IIU\0"),
    "Fujifilm": of_fujifilm,
}
