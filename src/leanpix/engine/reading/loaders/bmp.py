"""BMP, as browsers show it: fields of any width, palettes, run lengths; what no run covers is black."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.facts import Probe, damaged, reading
from leanpix.engine.reading.headers import bmp
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, from_array

_STRIP_ROWS = 256
_BYTE_BITS, _DEEP_BITS = 8, 16
_COLOURS = 256
_END_OF_LINE, _END, _DELTA = 0, 1, 2
_WHOLE_BYTES = {24: (0xFF0000, 0xFF00, 0xFF, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}


def open_raster(source: bytes, _probe: Probe, _request: DecodeRequest) -> LazyPixels:
    """Decode at once; palettes of grays become gray."""
    layout = bmp.layout(source)
    if layout.packing in {bmp.RLE4, bmp.RLE8}:
        pixels = _unpacked(source, layout)
    elif layout.masks:
        pixels = _fields(source, layout)
    else:
        pixels = _coloured(_indices(source, layout), source, layout)
    start, end = layout.profile
    return LazyPixels(from_array(pixels), source[start:end] or None, held=pixels)


def _rows(source: bytes, layout: bmp.Layout) -> NDArray[np.uint8]:
    """(H, row bytes), the top row first; the last row's padding may be missing."""
    count = layout.row_bytes * layout.height_px
    data = np.frombuffer(source, np.uint8, min(count, len(source) - layout.start), layout.start)
    if len(data) < count:
        data = np.concatenate([data, np.zeros(count - len(data), np.uint8)])
    rows = data.reshape(layout.height_px, layout.row_bytes)
    return rows if layout.is_top_down else rows[::-1]


def _fields(source: bytes, layout: bmp.Layout) -> NDArray[np.uint8]:
    rows, width, each = _rows(source, layout), layout.width_px, layout.bits // 8
    pixels = np.empty((layout.height_px, width, 4 if layout.has_alpha else 3), np.uint8)
    if layout.masks == _WHOLE_BYTES.get(layout.bits):
        pixels[:] = rows[:, : width * each].reshape(-1, width, each)[..., 2::-1]
        return pixels
    kind = np.dtype("<u2" if layout.bits == _DEEP_BITS else "<u4")
    for top in range(0, layout.height_px, _STRIP_ROWS):
        strip = np.ascontiguousarray(rows[top : top + _STRIP_ROWS, : width * each]).view(kind)
        for band in range(pixels.shape[2]):
            pixels[top : top + _STRIP_ROWS, :, band] = _field(strip, layout.masks[band])
    return pixels


def _field(codes: NDArray[np.uint16] | NDArray[np.uint32], mask: int) -> NDArray[np.uint8]:
    """One field as 8 bits: the highest of a wider one, a narrower one spread over the whole range."""
    if not mask:
        return np.zeros(codes.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    bits = (mask >> shift).bit_length()
    values = (codes & codes.dtype.type(mask)) >> codes.dtype.type(shift)
    if bits >= _BYTE_BITS:
        return (values >> codes.dtype.type(bits - _BYTE_BITS)).astype(np.uint8)
    spread: NDArray[np.uint8] = (np.arange(1 << bits) * 255 / ((1 << bits) - 1)).round().astype(np.uint8)
    narrow: NDArray[np.uint8] = spread[values]
    return narrow


def _indices(source: bytes, layout: bmp.Layout) -> NDArray[np.uint8]:
    rows, bits = _rows(source, layout), layout.bits
    if bits == _BYTE_BITS:
        return rows[:, : layout.width_px]
    indices = np.empty((layout.height_px, rows.shape[1] * 8 // bits), np.uint8)
    for number in range(8 // bits):
        indices[:, number :: 8 // bits] = rows >> (8 - bits * (number + 1)) & ((1 << bits) - 1)
    return indices[:, : layout.width_px]


def _coloured(indices: NDArray[np.uint8], source: bytes, layout: bmp.Layout) -> NDArray[np.uint8]:
    start, end, each = layout.palette
    told = np.frombuffer(source[start:end], np.uint8)
    colours = np.zeros((_COLOURS, 3), np.uint8)
    told = told[: len(told) // each * each].reshape(-1, each)[:_COLOURS, 2::-1]
    colours[: len(told)] = told
    is_gray = bool((told == told[:, :1]).all()) and len(told) > 0
    return np.ascontiguousarray((colours[:, :1] if is_gray else colours)[indices])


def _unpacked(source: bytes, layout: bmp.Layout) -> NDArray[np.uint8]:
    """Of run lengths: a run clipped at the row's end, black where no run is."""
    size = (layout.height_px, layout.width_px)
    indices, is_covered = np.zeros(size, np.uint8), np.zeros(size, np.bool_)
    with reading("BMP"):
        for row, column, values in _runs(source, layout):
            room = max(layout.width_px - column, 0)
            indices[row, column : column + len(values)] = values[:room]
            is_covered[row, column : column + len(values)] = True
    if not layout.is_top_down:
        indices, is_covered = indices[::-1], is_covered[::-1]
    pixels = _coloured(indices, source, layout)
    pixels[~is_covered] = 0
    return pixels


def _runs(source: bytes, layout: bmp.Layout) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Row and column as stored, and the indices from there on. Raises where the runs end before the last row does."""
    at, row, column = layout.start, 0, 0
    is_narrow = layout.packing == bmp.RLE4
    view = np.frombuffer(source, np.uint8)
    while row < layout.height_px and not (row == layout.height_px - 1 and column >= layout.width_px):
        count, value = source[at], source[at + 1]
        at += 2
        if count:
            yield row, column, np.resize(np.array([value >> 4, value & 15] if is_narrow else [value], np.uint8), count)
            column += count
        elif value == _END:
            return
        elif value == _END_OF_LINE:
            row, column = row + 1, 0
        elif value == _DELTA:
            column, row = column + source[at], row + source[at + 1]
            at += 2
            if column > layout.width_px or row >= layout.height_px:
                raise damaged("a run of the BMP leads outside of it")
        else:
            length = (value + 1) // 2 if is_narrow else value
            data = view[at : at + length]
            if len(data) < length:
                raise damaged("the BMP is cut short")
            yield row, column, (np.stack([data >> 4, data & 15], axis=1).reshape(-1) if is_narrow else data)[:value]
            at, column = at + length + length % 2, column + value
