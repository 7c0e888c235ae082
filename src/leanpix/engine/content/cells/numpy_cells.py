"""The sums of 4 x 4 pixels that the local criterion rests on, by NumPy: where the native kernels were not built."""

from __future__ import annotations

import functools
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CELL_PX = 4
CONTRAST = 40
"""Chroma levels between neighbours that count as nothing: native/metric/cells.c has the same."""

LINES_TENTHS = 7
"""Of what differs within a cell, what its rows and columns have of it at least for that to be lines."""

_COLOUR = 3
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_STRIP_CELLS = 64


class Cells(Protocol):
    """Sums over cells of C-contiguous (rows, width, 1 or 3) uint8; edges are repeated up to whole cells."""

    def source(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint16]]:
        """Of each cell the sums (h, w, bands) of its samples, and (h, w) its texture and its chroma contrast.

        texture: the sum of all samples' differences to the left and to the upper pixel. Chroma contrast: how far
        colours, without lightness, are from their neighbours', as far as that is more than CONTRAST.
        """
        ...

    def result(
        self, source: NDArray[np.uint8], result: NDArray[np.uint8], weights: NDArray[np.uint16]
    ) -> tuple[NDArray[np.int16], NDArray[np.uint16], NDArray[np.uint32]]:
        """Of each cell the sums (h, w, bands) of result - source, (h, w) of all differences' sizes, and of chroma.

        The last: chroma errors, each weighted by the contrast that the source has there. weights are source()'s.
        """
        ...

    def halved(self, source: NDArray[np.uint8], weights: NDArray[np.uint16]) -> NDArray[np.uint32]:
        """The weighted chroma errors of the source itself when its chroma is halved: each 2 x 2 share their mean's."""
        ...

    def lines(
        self, source: NDArray[np.uint8], result: NDArray[np.uint8], marked: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """How much the marked cells hold of thin lines along rows and columns, and how much a result keeps of them.

        Of lightness, by the sums of a cell's rows and of its columns: how far these are from a slope, 20 times a sum of
        squares, 0 where they are less than LINES_TENTHS of what differs within the cell, as of dots; 4 times the
        source's variance; as much its covariance with the result. Zeros elsewhere.
        """
        ...

    def levels(self, pixels: NDArray[np.uint8], marked: NDArray[np.bool_]) -> NDArray[np.uint32]:
        """How many pixels of the marked cells have each of 256 levels, the mean of their bands."""
        ...

    def means(self, values: NDArray[np.float32], down: int, across: int) -> NDArray[np.float32]:
        """The mean of each window of so many places of (h, w, bands) values, all of them that lie within."""
        ...

    def moved(
        self, moved: NDArray[np.float32], room: NDArray[np.float32], tint: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Of (h, w, bands) means of 2 x 2 cells that moved three times (h, w).

        Lightness; how far the most of what is seen moved; and how far it moved from places beside or below that share
        no cell. The last two by room, what a place may have. tint: how much a single band's shift counts there.
        """
        ...


class NumpyCells:
    """The same as NativeCells, to the last bit, in several times the time; strip by strip, to bound the memory."""

    def source(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint16]]:
        """See Cells.source."""
        parts = [self._source(*strip) for strip in _strips(pixels)]
        sums, texture, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        return sums, texture, weights

    def result(
        self, source: NDArray[np.uint8], result: NDArray[np.uint8], weights: NDArray[np.uint16]
    ) -> tuple[NDArray[np.int16], NDArray[np.uint16], NDArray[np.uint32]]:
        """See Cells.result; the weights are worked out again."""
        del weights
        pairs = zip(_strips(source), _strips(result), strict=True)
        parts = [self._result(*one, other[1]) for one, other in pairs]
        differences, distances, errors = (np.concatenate(part) for part in zip(*parts, strict=True))
        return differences, distances, errors

    def halved(self, source: NDArray[np.uint8], weights: NDArray[np.uint16]) -> NDArray[np.uint32]:
        """See Cells.halved."""
        height, width, bands = source.shape
        if bands != _COLOUR:
            return np.zeros(weights.shape, np.uint32)
        padded = np.pad(source, ((0, -height % CELL_PX), (0, -width % CELL_PX), (0, 0)), mode="edge").astype(np.uint16)
        sums = padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]
        means = np.repeat(np.repeat((sums + 2) >> 2, 2, 0), 2, 1)
        moved = _lightness(padded)[:, :, None] - _lightness(means)[:, :, None]
        halved = np.clip(means.astype(np.int32) + moved, 0, 255).astype(np.uint8)
        return self.result(source, np.ascontiguousarray(halved[:height, :width]), weights)[2]

    def lines(
        self, source: NDArray[np.uint8], result: NDArray[np.uint8], marked: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """See Cells.lines."""
        side, at = np.arange(CELL_PX), np.nonzero(marked)
        rows, columns = (
            np.minimum(cells[:, None] * CELL_PX + side, most - 1)
            for cells, most in zip(at, source.shape[:2], strict=True)
        )
        here, there = (_lightness(pixels[rows[:, :, None], columns[:, None]]) for pixels in (source, result))
        bends, strengths, products = np.zeros((3, *marked.shape), np.int32)
        for axis in (1, 2):
            sums, others = (light.sum(axis, dtype=np.int32) for light in (here, there))
            bow, wave = (sums @ np.array(shape, np.int32) for shape in ((1, -1, -1, 1), (1, -3, 3, -1)))
            bends[at] += 5 * bow**2 + wave**2
            strengths[at] += _covariance(sums, sums)
            products[at] += _covariance(sums, others)
        pixels_apart = here.reshape(len(here), CELL_PX**2)
        bends[at] *= 10 * strengths[at] >= LINES_TENTHS * _covariance(pixels_apart, pixels_apart)
        return bends, strengths, products

    def levels(self, pixels: NDArray[np.uint8], marked: NDArray[np.bool_]) -> NDArray[np.uint32]:
        """See Cells.levels."""
        height, width, bands = pixels.shape
        shown = np.repeat(np.repeat(marked, CELL_PX, 0), CELL_PX, 1)[:height, :width]
        chosen = pixels[shown].astype(np.uint16)
        means = chosen[:, 0] if bands == 1 else (chosen.sum(1) + 1) // _COLOUR
        counts: NDArray[np.uint32] = np.bincount(means, minlength=256).astype(np.uint32)
        return counts

    def means(self, values: NDArray[np.float32], down: int, across: int) -> NDArray[np.float32]:
        """See Cells.means."""
        rows, columns, bands = values.shape
        sums = np.zeros((rows + 1, columns + 1, bands))
        sums[1:, 1:] = values.cumsum(0, np.float64).cumsum(1)
        windows = sums[down:, across:] - sums[:-down, across:] - sums[down:, :-across] + sums[:-down, :-across]
        means: NDArray[np.float32] = (windows / (down * across)).astype(np.float32)
        return means

    @staticmethod
    def _source(
        upper: NDArray[np.int16], rows: NDArray[np.int16]
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint16]]:
        steps = np.abs(rows - upper)
        steps[:, 1:] += np.abs(rows[:, 1:] - rows[:, :-1])
        sums = _cells(rows).astype(np.uint16)
        texture = _cells(steps).sum(2).astype(np.uint16)
        weights = _cells(_weights(upper, rows)[:, :, None])[:, :, 0].astype(np.uint16)
        return sums, texture, weights

    @staticmethod
    def _result(
        upper: NDArray[np.int16], rows: NDArray[np.int16], result: NDArray[np.int16]
    ) -> tuple[NDArray[np.int16], NDArray[np.uint16], NDArray[np.uint32]]:
        difference = result - rows
        weights = _weights(upper, rows).astype(np.int64)
        colours = zip(_colour(rows), _colour(result), strict=True)
        error = np.maximum.reduce([np.abs(one - other) for one, other in colours])
        differences = _cells(difference).astype(np.int16)
        distances = _cells(np.abs(difference)).sum(2).astype(np.uint16)
        errors = _cells((weights * error)[:, :, None])[:, :, 0].astype(np.uint32)
        return differences, distances, errors

    def moved(
        self, moved: NDArray[np.float32], room: NDArray[np.float32], tint: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """See Cells.moved."""
        bands = np.moveaxis(moved, 2, 0)
        light = sum(part * band for part, band in zip(_LUMA, bands, strict=True)) if len(bands) == _COLOUR else bands[0]
        seen = [light, *(band * tint for band in bands)]
        ground = functools.reduce(np.maximum, (np.abs(plane) for plane in seen)) / room
        contours = functools.reduce(np.maximum, map(_steps, seen)) / room
        return light, ground, contours


def _strips(pixels: NDArray[np.uint8]) -> list[tuple[NDArray[np.int16], NDArray[np.int16]]]:
    """Strips of whole cells, edges repeated: each pixel's upper neighbour, and the pixels."""
    height, width = pixels.shape[:2]
    padding = ((0, -height % CELL_PX), (0, -width % CELL_PX), (0, 0))
    padded = np.pad(pixels, padding, mode="edge")
    step = _STRIP_CELLS * CELL_PX
    tops = range(0, padded.shape[0], step)
    uppers = (np.concatenate([padded[max(top - 1, 0)][None], padded[top : top + step - 1]]) for top in tops)
    rows = (padded[top : top + step] for top in tops)
    return [
        (upper[: len(strip)].astype(np.int16), strip.astype(np.int16))
        for upper, strip in zip(uppers, rows, strict=True)
    ]


def _cells(values: NDArray[np.int16] | NDArray[np.int64]) -> NDArray[np.int64]:
    rows, columns, bands = values.shape
    apart = values.reshape(rows // CELL_PX, CELL_PX, columns // CELL_PX, CELL_PX, bands)
    sums: NDArray[np.int64] = apart.sum(axis=(1, 3), dtype=np.int64)
    return sums


def _colour(rows: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Red against green, and blue against both; zeros of gray."""
    if rows.shape[2] != _COLOUR:
        nothing = np.zeros(rows.shape[:2], np.int16)
        return nothing, nothing
    red, green, blue = (rows[:, :, band] for band in range(_COLOUR))
    return red - green, (2 * blue - red - green) >> 1


def _covariance(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int32]:
    """Of each row, times the square of how many values it has."""
    many = one.shape[1]
    found: NDArray[np.int32] = (many * (one * other).sum(1) - one.sum(1) * other.sum(1)).astype(np.int32)
    return found


def _lightness(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.int32]:
    """Of (..., bands); of gray its level."""
    if pixels.shape[-1] != _COLOUR:
        return pixels[..., 0].astype(np.int32)
    red, green, blue = (pixels[..., band].astype(np.int32) for band in range(_COLOUR))
    return (77 * red + 150 * green + 29 * blue) >> 8


def _weights(upper: NDArray[np.int16], rows: NDArray[np.int16]) -> NDArray[np.int16]:
    """How far a pixel's colour is from its left and its upper neighbour's, as far as that is over the contrast."""
    largest = np.zeros(rows.shape[:2], np.int16)
    for above, here in zip(_colour(upper), _colour(rows), strict=True):
        largest = np.maximum(largest, np.abs(here - above))
        largest[:, 1:] = np.maximum(largest[:, 1:], np.abs(here[:, 1:] - here[:, :-1]))
    return np.maximum(largest - CONTRAST, 0).astype(np.int16)


def _steps(moved: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest difference of what moved, between places beside or below each other that share no pixel."""
    found = np.zeros(moved.shape, np.float32)
    if moved.shape[1] > 2:  # noqa: PLR2004 - two cells
        np.abs(moved[:, 2:] - moved[:, :-2], out=found[:, :-2])
    if moved.shape[0] > 2:  # noqa: PLR2004
        np.maximum(found[:-2], np.abs(moved[2:] - moved[:-2]), out=found[:-2])
    return found
