"""TIFF of every layout, depth and colour is read with the values that were written."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.decoding import loaded, rgba_of
from tests.support.tiff_files import (
    CMYK,
    DEFLATE,
    LONG,
    LZW,
    MIN_IS_BLACK,
    MIN_IS_WHITE,
    NONE,
    PACKBITS,
    PACKERS,
    RGB,
    SHORT,
    YCBCR,
    Order,
    page,
    tiff,
    ycbcr,
    ycbcr_units,
)

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState

HEIGHT, WIDTH = 20, 24
_Y, _X = np.mgrid[0:HEIGHT, 0:WIDTH]
COLOURS: NDArray[np.uint8] = np.stack([_X * 10, _Y * 12, (_X + _Y) * 5], axis=-1).astype(np.uint8)
ALPHA: NDArray[np.uint8] = (_X * 10).astype(np.uint8)[..., np.newaxis]
LEVELS = COLOURS[..., :1]
WITH_ALPHA = np.concatenate([COLOURS, ALPHA], axis=-1)
SMALL = np.ascontiguousarray(COLOURS[::2, ::2])
STRAIGHT = {338: (SHORT, [2])}
THUMBNAIL, PICTURE = {254: (LONG, [1])}, {254: (LONG, [0])}


def _assert_read(source: bytes, expected: NDArray[np.generic], tolerance: int = 1) -> None:
    found = rgba_of(loaded(source))
    samples = expected.astype(int)
    colour = samples[..., :-1] if samples.shape[2] in {2, 4} else samples
    alpha = samples[..., -1:] if samples.shape[2] in {2, 4} else np.full((*samples.shape[:2], 1), 255)
    colour = np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour
    assert found.shape == (*samples.shape[:2], 4)
    assert np.abs(found - np.concatenate([colour, alpha], axis=2)).max() <= tolerance


@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize(
    ("compression", "is_differenced"),
    [(NONE, False), (PACKBITS, False), (LZW, False), (LZW, True), (DEFLATE, False), (DEFLATE, True)],
)
@pytest.mark.parametrize("mark", [("<", False), (">", False), ("<", True), (">", True)])
def test_every_layout(
    compression: int, is_differenced: bool, tile: int, is_planar: bool, mark: tuple[Order, bool]
) -> None:
    order, is_big = mark
    made = page(
        WITH_ALPHA,
        RGB,
        compression=compression,
        tile=tile,
        is_planar=is_planar,
        is_differenced=is_differenced,
        order=order,
        more=STRAIGHT,
    )
    _assert_read(tiff([made], order, is_big=is_big), WITH_ALPHA)


def _as(samples: NDArray[np.uint8], kind: str) -> NDArray[np.generic]:
    """The same shades over the whole range of another kind; floating point is linear light."""
    if kind.startswith("float"):
        shade = samples / 255
        light = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
        light[..., 3:] = shade[..., 3:]
        return light.astype(kind)
    bits = np.dtype(kind).itemsize * 8
    wide = samples.astype(np.int64) * ((1 << bits) - 1) // 255
    return (wide - (0 if kind.startswith("u") else 1 << (bits - 1))).astype(kind)


@pytest.mark.parametrize(("tile", "is_planar"), [(0, False), (16, False), (16, True), (0, True)])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32"])
def test_every_depth(kind: str, tile: int, is_planar: bool) -> None:
    _assert_read(tiff([page(_as(LEVELS, kind), MIN_IS_BLACK, tile=tile, is_planar=is_planar)]), LEVELS, 2)
    made = page(_as(WITH_ALPHA, kind), RGB, tile=tile, is_planar=is_planar, more=STRAIGHT)
    _assert_read(tiff([made]), WITH_ALPHA, 2)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32"])
@pytest.mark.parametrize(("tile", "is_planar"), [(0, False), (16, True)])
def test_white_is_zero(kind: str, tile: int, is_planar: bool) -> None:
    inverse = np.concatenate([255 - LEVELS, ALPHA], axis=-1)
    made = page(_as(inverse, kind), MIN_IS_WHITE, tile=tile, is_planar=is_planar, more=STRAIGHT)
    _assert_read(tiff([made]), np.concatenate([LEVELS, ALPHA], axis=-1))
    _assert_read(tiff([page(_as(255 - LEVELS, kind), MIN_IS_WHITE, tile=tile)]), LEVELS)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32"])
@pytest.mark.parametrize(("tile", "is_planar"), [(0, False), (16, False), (16, True), (0, True)])
def test_cmyk_with_and_without_alpha(kind: str, tile: int, is_planar: bool) -> None:
    black = np.full_like(LEVELS, 40)
    inks = np.concatenate([255 - COLOURS, black], axis=-1)
    shown = np.round(COLOURS * (255.0 - 40) / 255)
    _assert_read(tiff([page(_as(inks, kind), CMYK, tile=tile, is_planar=is_planar)]), shown)
    inks = np.concatenate([inks, ALPHA], axis=-1)
    made = page(_as(inks, kind), CMYK, tile=tile, is_planar=is_planar, more=STRAIGHT)
    _assert_read(tiff([made]), np.concatenate([shown, ALPHA], axis=-1))


@pytest.mark.parametrize(("tile", "is_planar"), [(0, False), (16, True)])
def test_alpha_wherever_it_stands_among_the_extra_samples(tile: int, is_planar: bool) -> None:
    five = np.concatenate([COLOURS, 255 - ALPHA, ALPHA], axis=-1)
    made = page(five, RGB, tile=tile, is_planar=is_planar, more={338: (SHORT, [0, 2])})
    _assert_read(tiff([made]), WITH_ALPHA)
    made = page(WITH_ALPHA, RGB, tile=tile, is_planar=is_planar, more={338: (SHORT, [0])})
    _assert_read(tiff([made]), COLOURS)


@pytest.mark.parametrize(
    "pages",
    [
        [page(SMALL, RGB, more=THUMBNAIL), page(COLOURS, RGB, more=PICTURE)],
        [page(SMALL, RGB, more={255: (SHORT, [2])}), page(COLOURS, RGB)],
        [page(SMALL, RGB, more={254: (LONG, [4])}), page(COLOURS, RGB)],
        [page(COLOURS, RGB), page(SMALL, RGB, more=THUMBNAIL)],
        [page(SMALL, RGB, more=THUMBNAIL), page(COLOURS, RGB, more=THUMBNAIL)],
        [page(COLOURS, RGB), page(SMALL, RGB)],
        [page(SMALL, RGB, more={**THUMBNAIL, 271: (2, b"Scanner\0")}), page(COLOURS, RGB)],
    ],
)
def test_picture_is_neither_a_thumbnail_nor_a_mask(pages: list[tuple[dict[int, object], list[bytes]]]) -> None:
    _assert_read(tiff(pages), COLOURS)  # type: ignore[arg-type] # what page() makes


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_of_planar_tiles(turn: int) -> None:
    stored = {
        1: COLOURS,
        2: COLOURS[:, ::-1],
        3: COLOURS[::-1, ::-1],
        4: COLOURS[::-1],
        5: COLOURS.transpose(1, 0, 2),
        6: np.rot90(COLOURS, -1),
        7: COLOURS[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(COLOURS),
    }[turn]
    upright = tiff([page(COLOURS, RGB, tile=16, is_planar=True, more={274: (SHORT, [turn])})])
    _assert_read(upright, stored)


def _pieces(block: NDArray[np.uint8], tile: tuple[int, int], rows: int) -> list[NDArray[np.uint8]]:
    """Blocks in tiles of so many rows and columns, or in strips."""
    if rows:
        return [block[top : top + rows] for top in range(0, len(block), rows)]
    high, wide = tile
    height, width = block.shape[:2]
    grown = np.pad(block, ((0, -height % high), (0, -width % wide), (0, 0)))
    tops, lefts = range(0, height, high), range(0, width, wide)
    return [grown[top : top + high, left : left + wide] for top in tops for left in lefts]


@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize("rows", [0, 8, HEIGHT])
@pytest.mark.parametrize("compression", [NONE, LZW, DEFLATE, PACKBITS])
@pytest.mark.parametrize("across", [1, 2, 4])
@pytest.mark.parametrize("down", [1, 2, 4])
def test_ycbcr_of_every_sampling(across: int, down: int, compression: int, rows: int, is_planar: bool) -> None:
    luma, blue, red = ycbcr(COLOURS, across, down)
    pieces = []
    if is_planar:
        for plane, (x, y) in ((luma, (1, 1)), (blue, (across, down)), (red, (across, down))):
            pieces += _pieces(plane[..., np.newaxis], (16 // y, 16 // x), rows // y)
    else:
        pieces = _pieces(ycbcr_units((luma, blue, red), across, down), (16 // down, 16 // across), rows // down)
    tags = {
        256: (LONG, [WIDTH]),
        257: (LONG, [HEIGHT]),
        258: (SHORT, [8, 8, 8]),
        259: (SHORT, [compression]),
        262: (SHORT, [YCBCR]),
        277: (SHORT, [3]),
        284: (SHORT, [2 if is_planar else 1]),
        530: (SHORT, [across, down]),
    }
    tags |= {278: (LONG, [rows])} if rows else {322: (SHORT, [16]), 323: (SHORT, [16])}
    bright = luma.astype(float)
    cb, cr = (np.repeat(np.repeat(plane.astype(float), down, 0), across, 1) - 128 for plane in (blue, red))
    r, b = bright + 1.402 * cr, bright + 1.772 * cb
    expected = np.stack([r, (bright - 0.299 * r - 0.114 * b) / 0.587, b], axis=-1).round().clip(0, 255)
    _assert_read(tiff([(tags, [PACKERS[compression](piece.tobytes()) for piece in pieces])]), expected)


def test_size_that_is_told_twice_is_the_first_for_the_decoder_too() -> None:
    source = bytearray(tiff([page(COLOURS, RGB)]))
    (first,) = struct.unpack_from("<I", source, 4)
    (count,) = struct.unpack_from("<H", source, first)
    entries = bytes(source[first + 2 : first + 2 + 12 * count])
    huge = struct.pack("<HHII", 256, 4, 1, 30_000) + struct.pack("<HHII", 257, 4, 1, 30_000)
    for told in (entries + huge, huge + entries):
        again = bytes(source) + struct.pack("<H", count + 2) + told + bytes(4)
        again = again[:4] + struct.pack("<I", len(source)) + again[8:]
        if told.startswith(huge):
            with pytest.raises(TaskFailure) as raised:
                loaded(again)
            assert raised.value.state == TaskState.NOT_MEETING_REQUIREMENTS
        else:
            _assert_read(again, COLOURS)


def test_count_beyond_the_file_is_told_where_no_pixel_is_missing() -> None:
    tags, pieces = page(COLOURS, RGB, compression=DEFLATE, rows=HEIGHT)
    source = tiff([({**tags, 279: (LONG, [len(pieces[0]) + 100_000])}, pieces)], is_data_last=True)
    _assert_read(source, COLOURS)
    assert any("its pixels are all there" in warning for warning in loaded(source).warnings)
    for cut in (source[: -len(pieces[0]) // 2], tiff([page(COLOURS, RGB)], is_data_last=True)[:-30]):
        with pytest.raises(TaskFailure) as raised:
            loaded(cut)
        assert raised.value.state == TaskState.INVALID_IMAGE


def test_tiles_far_larger_than_the_picture_are_refused() -> None:
    tags, pieces = page(COLOURS, RGB, tile=16)
    with pytest.raises(TaskFailure) as raised:
        loaded(tiff([({**tags, 322: (LONG, [65_520]), 323: (LONG, [65_520])}, pieces[:1])]))
    assert raised.value.state == TaskState.INVALID_IMAGE
