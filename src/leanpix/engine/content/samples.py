"""What a picture is made of, judged on samples: the cost does not grow with the picture."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.content.native_chroma import NativeChroma
from leanpix.engine.libraries.native import native_kernels

_TILE_PX = 128
_TILES_PER_SIDE = 4
_STRIPS, _STRIP_ROWS = 12, 16
_SPREAD = 0.618034
"""Of a strip within its part of the picture, from strip to strip: rows of windows repeat, and so must no distance."""

_SHARP_STEP = 32
_MANY_COLOURS = 256
_CHROMA_SCALE = 256

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_AT = np.arange(8)
_COSINES = (0.5 * np.cos((2 * _AT[None, :] + 1) * _AT[:, None] * np.pi / 16)).astype(np.float32)
_COSINES[0] /= np.sqrt(np.float32(2))
_STEPS = (12 + 3 * (_AT[:, None] + _AT[None, :])).astype(np.float32)
"""Of a medium quality, coarser the higher the frequency."""

SATURATED = 20.0
"""Chroma detail that no photograph of the corpus reaches: drawings, screenshots and coloured text do."""


def sample_tiles(
    pixels: NDArray[np.uint8], tile_px: int = _TILE_PX, per_side: int = _TILES_PER_SIDE
) -> list[NDArray[np.uint8]]:
    """Up to per_side**2 square tiles spread evenly over (rows, width, bands) pixels; views, no copies."""
    rows, columns = _tile_starts(pixels, tile_px, per_side)
    return [pixels[y : y + tile_px, x : x + tile_px] for y in rows for x in columns]


def _tile_starts(pixels: NDArray[np.uint8], tile_px: int, per_side: int) -> tuple[list[int], list[int]]:
    height, width = pixels.shape[:2]
    return _starts(height, tile_px, per_side), _starts(width, tile_px, per_side)


def _starts(side: int, tile: int, count: int) -> list[int]:
    if side <= tile * count:
        return list(range(0, side, tile))
    return [round(i * (side - tile) / (count - 1)) for i in range(count)]


def strips_within(pixels: NDArray[np.uint8], rows: int = _STRIP_ROWS) -> list[NDArray[np.uint8]]:
    """Twelve strips of (rows, width, bands) pixels, one somewhere in each of as many equal parts; views, no copies.

    Whole rows: what repeats in a drawing repeats beside itself. 16 of them are a row of WebP's or JPEG's blocks.
    """
    parts = np.arange(_STRIPS)
    places = (parts + (0.5 + _SPREAD * parts) % 1) / _STRIPS
    tops = (places * max(0, pixels.shape[0] - rows)).astype(int).tolist()
    return [pixels[top : top + rows] for top in tops]


def sample_strips(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Those strips below each other."""
    return np.concatenate(strips_within(pixels))


def chroma_detail(pixels: NDArray[np.uint8]) -> float:
    """How much halving the chroma planes would take away: the 98th percentile over 2x2 blocks, 8-bit levels.

    pixels: (rows, width, 3 or 4) sRGB. Photographs stay under 20, saturated text and line art go far above.
    """
    tops, lefts = _tile_starts(pixels, _TILE_PX, _TILES_PER_SIDE)
    down, across = (
        sum(min(_TILE_PX, side - at) // 2 for at in starts)
        for side, starts in zip(pixels.shape, (tops, lefts), strict=False)
    )
    if down * across == 0:
        return 0.0
    place = round(0.98 * (down * across - 1))
    kernel = native_kernels(NativeChroma) if pixels.strides[1:] == (pixels.shape[2], 1) else None
    if kernel is not None:
        return kernel.spread_at(pixels, _TILE_PX, tops, lefts, place) / _CHROMA_SCALE
    counts = np.bincount(np.concatenate([block_ranges(tile) for tile in sample_tiles(pixels)]))
    return int(np.searchsorted(np.cumsum(counts), place, side="right")) / _CHROMA_SCALE


def is_colourful(pixels: NDArray[np.uint8]) -> bool:
    """Whether (rows, width, bands) pixels hold chroma detail that only what is drawn has; gray never does."""
    return pixels.shape[2] >= 3 and chroma_detail(pixels) > SATURATED  # noqa: PLR2004 - red, green, blue


def coded_detail(pixels: NDArray[np.uint8]) -> float:
    """Bits a pixel that steps of a medium quality leave of the frequencies of 8x8 blocks, on the sample tiles.

    pixels: (rows, width, bands) sRGB; alpha is left out. Chroma is halved and counts twice. 0.02 for a product on
    white, 0.2 to 0.7 for most photographs (docs/decisions/0282).
    """
    bits, count = 0.0, 0
    for tile in sample_tiles(pixels):
        bands = tile.astype(np.float32)
        luma = bands[:, :, 0]
        if pixels.shape[2] >= 3:  # noqa: PLR2004 - red, green, blue
            luma = bands[:, :, :3] @ _LUMA
            chroma = [(bands[:, :, band] - luma) * scale for band, scale in ((2, 0.564), (0, 0.713))]
            bits += 2 * sum(_block_bits(_halved(plane))[0] for plane in chroma)
        found, pixels_in = _block_bits(luma)
        bits, count = bits + found, count + pixels_in
    return bits / count if count else 0.0


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
    halved: NDArray[np.float32] = plane[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean((1, 3))
    return halved


def _block_bits(plane: NDArray[np.float32]) -> tuple[float, int]:
    """The bits of all whole 8x8 blocks of a plane, and how many pixels these have."""
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    blocks = plane[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    frequencies = np.abs(_COSINES @ blocks @ _COSINES.T) / _STEPS
    frequencies[:, 0, 0] = 0  # its mean, which its neighbours tell
    return float(np.log2(1 + frequencies).sum()), blocks.size


def block_ranges(tile: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The larger range of both chroma planes within each 2x2 block, times _CHROMA_SCALE.

    JFIF's chroma in numbers of 16 bits, which it just fits: half of the time that floating point takes.
    """
    rows, columns = tile.shape[0] // 2 * 2, tile.shape[1] // 2 * 2
    red, green, blue = (tile[:rows, :columns, band].astype(np.int16) for band in range(3))
    spreads = [_spread(128 * blue - 43 * red - 85 * green), _spread(128 * red - 107 * green - 21 * blue)]
    largest: NDArray[np.uint16] = np.maximum(*spreads).ravel()
    return largest


def _spread(chroma: NDArray[np.int16]) -> NDArray[np.uint16]:
    """The range within each 2x2 block; whole planes against each other are ten times as fast as small reductions."""
    upper, lower = chroma[::2], chroma[1::2]
    high, low = np.maximum(upper, lower), np.minimum(upper, lower)
    spread = np.maximum(high[:, ::2], high[:, 1::2]) - np.minimum(low[:, ::2], low[:, 1::2])
    return spread.view(np.uint16)  # up to 65,280: int16 overflows, uint16 reads the same bits as the true difference


@dataclass(frozen=True, slots=True)
class Texture:
    """How a picture was made, from its sample tiles.

    colours: different ones in the samples, counted to a little over 256. changing: the share of pixels unlike their
    left neighbour. sharp: the share of those steps that are large. Photographs change nearly everywhere by little;
    drawings, screenshots and text hardly anywhere, and then by much.
    """

    colours: int
    changing: float
    sharp: float

    @property
    def has_many_colours(self) -> bool:
        """Whether there are more than a palette holds."""
        return self.colours > _MANY_COLOURS

    @property
    def has_hard_edges(self) -> bool:
        """Whether steps are as large as no photograph's, even where nearly every pixel has one: chessboards, patterns.

        Without loss such a picture may take a third of what it takes with any (docs/decisions/0280).
        """
        return self.sharp >= 0.25  # noqa: PLR2004 - photographs of the corpus have 0.14 at most

    @property
    def is_screen_content(self) -> bool:
        """Whether this is drawn: few colours, flat ground, sharp steps. No photograph of the corpus is taken for it."""
        few, some = self.colours <= 16, not self.has_many_colours  # noqa: PLR2004 - a gray photograph has 256 too
        flat = self.changing <= 0.5 and self.sharp >= 0.12  # noqa: PLR2004 - product shots: 0.25 and 0.03 at most
        return few or self.changing <= 0.05 or flat or (some and self.sharp >= 0.1)  # noqa: PLR2004


def texture(pixels: NDArray[np.uint8]) -> Texture:
    """Judge (rows, width, bands) pixels by their sample tiles."""
    tiles = sample_tiles(pixels)
    steps = np.concatenate([_steps(tile) for tile in tiles])
    changing, sharp = int(np.count_nonzero(steps)), int(np.count_nonzero(steps > _SHARP_STEP))
    return Texture(_colours(tiles), changing / max(1, steps.size), sharp / max(1, changing))


def _steps(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest difference of any band to the left neighbour, for each pixel that has one."""
    left, right = tile[:, :-1], tile[:, 1:]
    differences = np.maximum(left, right) - np.minimum(left, right)
    # Plane against plane is ten times as fast as a reduction over a short axis.
    largest: NDArray[np.uint8] = functools.reduce(np.maximum, np.moveaxis(differences, 2, 0)).ravel()
    return largest


def _colours(tiles: list[NDArray[np.uint8]]) -> int:
    """Counted tile by tile until there are too many to matter: a photograph's first tile is enough."""
    found = np.zeros(0, np.uint32)
    for tile in tiles:
        found = distinct(np.concatenate((found, _packed(tile).ravel())))
        if found.size > _MANY_COLOURS:
            break
    return int(found.size)


def distinct(numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Each number once, in order. NumPy's own function loads its masked arrays for it, 1 MB of each process."""
    ordered = np.sort(numbers)
    is_first = np.ones(ordered.size, bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


def _packed(tile: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Each pixel's bands as one number."""
    packed = np.zeros(tile.shape[:2], np.uint32)
    for band in range(tile.shape[2]):
        packed = (packed << np.uint32(8)) | tile[:, :, band]
    return packed
