"""The local criterion: the place where a result looks worst, by a few measures with a bound each.

A mean score forgives what lies in two percent of a picture. These measures forgive nothing: each is a largest value
over windows, and each is of one kind of damage that people see at once and a mean does not (docs/decisions/0170):

thin colour   coloured text, lines, edges and dots whose chroma was halved: chroma errors weighted by the source's
              contrast, of a small window and of a large one
ground        smooth ground that moved: a mean of 8 x 8 pixels that is another level
contours      edges on smooth ground that the source has not: rings, blocks
faint         what differs from its ground by a few levels, a panel or a cloud, and is gone
lines         thin lines a few levels off flat ground that are gone
levels        the dark: a picture of few levels that has still fewer
window        plain damage: the mean error of 32 x 32 pixels

Values are in 8-bit levels of sRGB, which are about equal steps to an eye that has adapted, also near black where the
mean score is blind; ground and contours count only where texture does not hide them: the source's, as far as the result
still has it. The grain of a camera goes in many an encode, and what it hid is seen (docs/decisions/0308).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.worst_place import Measure, WorstPlace
from leanpix.engine.content.cells import CELL_PX, Cells, SourceCells, source_cells
from leanpix.engine.content.cells.source import (
    DARK_LEVEL,
    EDGE,
    EDGE_REACH,
    FINE_GRAIN,
    GROUND_WINDOW,
    HARDLY_SMOOTH,
    LEAST_GRAIN_SHARE,
    SMOOTH,
    brightest,
    largest_around,
    mean_around,
    share_of,
    window_means,
)
from leanpix.engine.content.cells.thin_colour import LETTERS, STREWN
from leanpix.engine.judging.thin_lines import LINE_WINDOW, ThinLines

Plane = NDArray[np.float32]
_Windows = tuple[Measure, Plane, int]

BOUNDS = {
    Measure.THIN_COLOUR: 31.0,
    Measure.GROUND: 1.9,
    Measure.CONTOURS: 3.2,
    Measure.FAINT: 0.5,
    Measure.LINES: 0.5,
    Measure.LEVELS: 0.4,
    Measure.WINDOW: 15.0,
}
"""What a good result has at most (docs/decisions/0170)."""

_COLOUR_BANDS = 3
_CELL_PIXELS = CELL_PX**2

_PLAIN_WINDOW = 8
_PLAIN, _HIDDEN_TINT = 0.4, 0.5
"""The mean step up to which a single channel's shift counts as much as lightness does, and how much it counts from
SMOOTH on: the least grain hides it."""

_BARED_TINT = 0.75
"""The most it counts, in a picture that is nothing but ground, where the result has lost that grain."""

_HARDLY_SMOOTH_ROOM = 2.5
"""How many times the bound is allowed where ground is hardly smooth."""

_FAINT_WINDOW = 15
_FAINT_SPREADS = (0.8, 4.0)
"""Levels: the deviation within a window of what is faint; below it is rounding, above the mean score sees it."""

_DARK_WINDOW = 32
LEAST_DARK_SHARE = 0.5
"""Of the picture: the eye adapts to what most of it is."""

_LEAST_LEVEL_SHARE = 5e-4

_SLIGHT = {Measure.GROUND: 2.0, Measure.CONTOURS: 2.0, Measure.FAINT: 1.6, Measure.LINES: 1.3}
"""Up to how many times its bound a place is slightly over it, if few are. Rings of a palette have 2 to 6 times."""

_FEW, MOST_GROUND, ALL_GROUND = 0.03, 2 / 3, 0.9
"""Of the ground, what few places are; of the picture, from which on ground is what is looked at (docs/decisions/0175),
and from which on nothing of it is slight."""

_SLIGHT_ON_GROUND = 1.3
"""The most times its bound that ground and contours are slight at from the first of these two shares on, falling to
none at the second; of a faint thing on so much ground nothing is (docs/decisions/0300)."""

_GOOD_GROUND, _LEAST_GROUND = 0.75, 0.25
"""Of the tile with the most, and of a tile: how much ground another one has at least to be looked at for it."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class WorstPlaces:
    """Looks for the worst places of results of one source.

    source: uint8 sRGB (H,W,3), or gray (H,W) or (H,W,1), C-contiguous; it is not copied and must not change.
    whole_ground_share: of the picture that the source is a part of; None: of the source.
    """

    def __init__(
        self, source: NDArray[np.uint8], *, kernels: Cells | None = None, whole_ground_share: float | None = None
    ) -> None:
        self._source = banded(source)
        seen = source_cells(self._source) if kernels is None else SourceCells.of(self._source, kernels)
        self._cells, self._weights = seen.kernels, seen.weights
        means, steps = seen.means, seen.steps
        around = mean_around(steps, GROUND_WINDOW, self._cells)

        # Ground and contours: places of 2 x 2 cells away from edges, where the source's texture is fine grain at most;
        # in a picture that has little of that, where there is hardly any.
        at = _places(steps)
        self._around = around[at]
        is_calm = (largest_around(steps, EDGE_REACH) <= EDGE)[at]
        self._is_ground = is_calm & (self._around <= FINE_GRAIN)
        share = share_of(self._is_ground) if whole_ground_share is None else whole_ground_share
        self._is_grainy = share > LEAST_GRAIN_SHARE and bool((self._is_ground & (self._around > SMOOTH)).any())
        if not self._is_grainy:
            self._is_ground &= self._around <= HARDLY_SMOOTH
        self.ground_share = share_of(self._is_ground)
        whole = self.ground_share if whole_ground_share is None else whole_ground_share
        self._is_ground_alone = whole > MOST_GROUND
        self._slight = _SLIGHT
        if self._is_ground_alone:
            most = float(np.interp(whole, (MOST_GROUND, ALL_GROUND), (_SLIGHT_ON_GROUND, 1.0)))
            self._slight = {Measure.GROUND: most, Measure.CONTOURS: most}

        # Faint things: the source's lightness by places, its mean and its deviation by windows.
        self._light = window_means(_lightness(means), 2, self._cells)
        self._light_mean = window_means(self._light, _FAINT_WINDOW, self._cells)
        self._light_variance = window_means(self._light**2, _FAINT_WINDOW, self._cells) - self._light_mean**2
        low, high = (spread**2 for spread in _FAINT_SPREADS)
        calm = window_means(steps, _FAINT_WINDOW + 1, self._cells)[
            : self._light_mean.shape[0], : self._light_mean.shape[1]
        ]
        self._is_faint = (self._light_variance > low) & (self._light_variance < high) & (calm < HARDLY_SMOOTH)

        # Thin colour: where there is enough of it.
        windows = (LETTERS, STREWN) if self._weights.any() else ()
        self._colour = [(window, window.contrast(self._weights, self._cells)) for window in windows]

        self._lines = ThinLines(self._source, seen)

        # The dark: cells around which everything is.
        self._dark = mean_around(brightest(means), _DARK_WINDOW, self._cells) < DARK_LEVEL
        self._dark_levels = self._levels_of(self._source) if share_of(self._dark) > LEAST_DARK_SHARE else None

    @property
    def is_dark(self) -> bool:
        """Whether most of the source is so dark that an eye adapts to it."""
        return bool(self._dark_levels)

    def grounds(self, side_px: int, most: int) -> tuple[tuple[int, int], ...]:
        """The top and left of at most so many tiles with the most and smoothest ground, spread over the picture."""
        side = side_px // CELL_PX
        room = np.where(self._is_ground, np.minimum(_room(self._around), _HARDLY_SMOOTH_ROOM), np.inf)
        rows, columns = (size // side for size in room.shape)
        if rows == 0 or columns == 0 or most == 0:
            return ()
        tiles = (1 / room[: rows * side, : columns * side]).reshape(rows, side, columns, side).mean(axis=(1, 3))
        good = np.argwhere(tiles >= max(_GOOD_GROUND * float(tiles.max()), _LEAST_GROUND))
        chosen = good[np.linspace(0, len(good) - 1, min(most, len(good))).round().astype(int)] if len(good) else good
        return tuple((int(row) * side_px, int(column) * side_px) for row, column in chosen)

    def worst(self, result: NDArray[np.uint8]) -> tuple[WorstPlace, ...]:
        """The worst place by each measure that says anything of this source, the worst of all first.

        result: of the source's shape. ValueError: of another.
        """
        return _worst_first(self._places_of(self._windows(result)))

    def worst_and_heat(self, result: NDArray[np.uint8]) -> tuple[tuple[WorstPlace, ...], Plane]:
        """The same, and how bad each cell is, (rows, columns) of CELL_PX pixels a side.

        That is the largest multiple of its bound that any measure has in a window over the cell: over 1, a person
        sees it.
        """
        rows, columns = self._weights.shape
        heat, letters = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.bool_)
        windows = list(self._windows(result))
        for measure, values, cells in windows:
            seen = _spread(values, cells, (rows, columns)) / np.float32(BOUNDS[measure])
            if measure is Measure.THIN_COLOUR:  # of the large window what small ones see something in
                seen, letters = np.where(letters, seen, 0) if cells == STREWN.cells else seen, seen > 0
            np.maximum(heat, seen, out=heat)
        return _worst_first(self._places_of(windows)), heat

    def _places_of(self, windows: Iterable[_Windows]) -> Iterator[WorstPlace]:
        """The worst place of each; in a large window of thin colour, where its worst small one is."""
        small: Plane | None = None
        for measure, values, cells in windows:
            place = self._place(measure, values, cells)
            if measure is Measure.THIN_COLOUR:
                if small is not None:
                    top, left = place.top_px // CELL_PX, place.left_px // CELL_PX
                    worst = self._place(measure, small[top : top + cells, left : left + cells], LETTERS.cells)
                    top_px, left_px = place.top_px + worst.top_px, place.left_px + worst.left_px
                    place = replace(worst, value=place.value, top_px=top_px, left_px=left_px)
                small = values
            yield place

    def _windows(self, result: NDArray[np.uint8]) -> Iterator[_Windows]:
        """Each measure, its values by the cell that a window begins at, and the windows' side in cells.

        Of thin colour by two sizes of windows.
        """
        result = banded(result)
        if result.shape != self._source.shape:
            raise ValueError(f"a picture of shape {result.shape} has no worst place against {self._source.shape}")
        differences, distances, errors = self._cells.result(self._source, result, self._weights)
        bands = self._source.shape[2]
        plain = window_means(distances.astype(np.float32), _PLAIN_WINDOW, self._cells) / (_CELL_PIXELS * bands)
        yield (Measure.WINDOW, plain, _PLAIN_WINDOW)

        for window, contrast in self._colour:
            yield (Measure.THIN_COLOUR, window.errors(errors, contrast, self._cells), window.cells)

        moved = window_means(differences.astype(np.float32), 2, self._cells) / np.float32(_CELL_PIXELS)
        moved_light: Plane | None = None
        if self.ground_share:
            moved_light, ground, contours = self._cells.moved(moved, *self._hidden_in(result))
            yield (Measure.GROUND, ground, 2)
            yield (Measure.CONTOURS, contours, 4)

        if self._is_faint.any():
            light = self._light + (_lightness(moved) if moved_light is None else moved_light)
            both = window_means(self._light * light, _FAINT_WINDOW, self._cells) - self._light_mean * window_means(
                light, _FAINT_WINDOW, self._cells
            )
            lost = np.where(self._is_faint, 1 - both / np.maximum(self._light_variance, 1e-6), 0)
            yield (Measure.FAINT, lost.astype(np.float32), _FAINT_WINDOW + 1)

        if self._lines.are_any:
            yield (Measure.LINES, self._lines.lost(result), LINE_WINDOW)

        if self._dark_levels:
            lost_share = 1 - self._levels_of(result) / self._dark_levels
            yield (Measure.LEVELS, np.where(self._dark, np.float32(lost_share), 0), 1)

    def _hidden_in(self, result: NDArray[np.uint8]) -> tuple[Plane, Plane]:
        """Of each place how many times its bound it may have, and how much a single channel's shift counts.

        By the texture around, the source's or what the result has left of it.
        """
        left = self._around
        if self._is_grainy:
            around = mean_around(SourceCells.of(result, self._cells).steps, GROUND_WINDOW, self._cells)
            left = np.minimum(left, around[_places(around)])
        room: Plane = np.where(self._is_ground, _room(left), np.float32(np.inf))
        tint = _tint(self._around)
        if self._is_ground_alone:
            tint = np.maximum(tint, np.minimum(_tint(left), _BARED_TINT))
        return room, tint

    def _levels_of(self, pixels: NDArray[np.uint8]) -> int:
        counts = self._cells.levels(pixels, self._dark)
        return int(np.count_nonzero(counts > _LEAST_LEVEL_SHARE * counts.sum()))

    def _place(self, measure: Measure, values: Plane, cells: int) -> WorstPlace:
        top, left = divmod(int(values.argmax()), values.shape[1])
        value = max(float(values[top, left]), 0.0)
        height, width = self._source.shape[:2]
        left, top = min(left * CELL_PX, width - 1), min(top * CELL_PX, height - 1)
        side = cells * CELL_PX
        bound = BOUNDS[measure]
        is_slight = bound < value <= bound * self._slight.get(measure, 0.0) and self._are_few(measure, values > bound)
        return WorstPlace(measure, value, bound, left, top, min(side, width - left), min(side, height - top), is_slight)

    def _are_few(self, measure: Measure, over: NDArray[np.bool_]) -> bool:
        """Whether what is over its bound is little of the ground; windows of faint things overlap too much to count."""
        return measure is Measure.FAINT or share_of(over) <= _FEW * self.ground_share


def _worst_first(places: Iterable[WorstPlace]) -> tuple[WorstPlace, ...]:
    """The worst one of each measure."""
    found = dict[Measure, WorstPlace]()
    for place in sorted(places, key=lambda place: -place.ratio):
        found.setdefault(place.measure, place)
    return tuple(found.values())


def _spread(values: Plane, cells: int, shape: tuple[int, int]) -> Plane:
    """Of each cell the largest value of the windows, so many cells a side, that it lies in."""
    for axis in range(2):
        along = np.moveaxis(values, axis, 0)
        wide = np.zeros((shape[axis], along.shape[1]), np.float32)
        for shift in range(cells):
            reached = wide[shift : shift + len(along)]
            np.maximum(reached, along[: len(reached)], out=reached)
        values = np.moveaxis(wide, 0, axis)
    return values


def banded(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Contiguous (H,W,bands) pixels; the same array where it is that already."""
    banded = pixels[:, :, None] if pixels.ndim == 2 else pixels  # noqa: PLR2004 - gray without an axis for bands
    if banded.dtype != np.uint8 or banded.shape[2] not in {1, _COLOUR_BANDS} or 0 in banded.shape:
        raise ValueError(f"pixels are {pixels.dtype}{pixels.shape}, not uint8 (H,W,3) or (H,W)")
    return np.ascontiguousarray(banded)


def _lightness(means: Plane) -> Plane:
    """Of (h, w, bands)."""
    light: Plane = np.asarray(means @ _LUMA if means.shape[2] == _COLOUR_BANDS else means[:, :, 0], np.float32)
    return light


def _room(steps: Plane) -> Plane:
    """Times the bound, by the mean step between pixels around: 1 on smooth ground, without end where it is textured."""
    hidden = (steps - SMOOTH) / (HARDLY_SMOOTH - SMOOTH)
    room: Plane = np.where(hidden > 1, np.inf, 1 + (_HARDLY_SMOOTH_ROOM - 1) * np.clip(hidden, 0, 1)).astype(np.float32)
    return room


def _tint(steps: Plane) -> Plane:
    """How much a single channel's shift counts, by the mean step between pixels around."""
    tint: Plane = 1 - (1 - _HIDDEN_TINT) * np.clip((steps - _PLAIN) / (SMOOTH - _PLAIN), 0, 1)
    return tint


def _places(cells: Plane) -> tuple[slice, slice]:
    """The cells at which places of 2 x 2 of them begin; of a single row or column, that one."""
    rows, columns = (max(1, side - 1) for side in cells.shape)
    return slice(rows), slice(columns)
