"""Crops of a picture round its worst places, on which settings and means are tried before the whole is encoded.

Of a picture that is too large to be looked at whole: crops of where it is likeliest to look worst, and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from leanpix.domain.worst_place import Measure, WorstPlace
from leanpix.engine.codecs.base import Raster
from leanpix.engine.codecs.need import Need
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.content.cells import source_cells
from leanpix.engine.content.cells.risky_tiles import RiskyTiles
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.scoring import preview_places
from leanpix.engine.judging.meter import QualityMeter
from leanpix.engine.judging.worst_place import LEAST_DARK_SHARE, MOST_GROUND

_SIDE_PX, _BLOCK_PX = 256, 16
"""Of a crop: a place of 64 px has as much around it as decides what is seen there; and what codecs' blocks begin at, so
that a crop is encoded as it would be inside."""

_LEAST_SHARE = 4
"""How many crops' pixels a picture has at least, for trying them to save anything."""

_GROUND_SHARE, _MOST_GROUNDS = 16, 4
"""For so many crops' pixels of the picture one of ground is looked at, and how many at most."""

_SUFFICIENT_ON_GROUND = 0.65
"""How many times what it may have a crop of ground is at most, for the whole to pass likely: where all is ground the
worst of its places is hardly ever in a crop (docs/decisions/0176)."""

_OF_GROUND = frozenset({Measure.GROUND, Measure.CONTOURS})
_OF_ALL = frozenset({Measure.LEVELS})
"""What is no place's: a crop has other levels than the picture."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the picture. top_px, left_px: where in it."""

    top_px: int
    left_px: int
    meter: QualityMeter

    @classmethod
    def of(cls, raster: Raster, top_px: int, left_px: int, whole_ground_share: float | None = None) -> Crop:
        """_SIDE_PX to each side, as far as the picture goes."""
        return cls(top_px, left_px, QualityMeter(_cut(raster, top_px, left_px), whole_ground_share))

    def in_picture(self, place: WorstPlace) -> WorstPlace:
        """A place of the crop, where it lies in the picture."""
        return replace(place, top_px=self.top_px + place.top_px, left_px=self.left_px + place.left_px)


@dataclass(frozen=True, slots=True)
class PlaceCrops:
    """Crops round places that are over what they may have, and by which measures those are.

    sufficient: how many times what they may have the crops' places are at most, for the whole to pass likely.
    may_be_slight: nothing else is looked at, so that what is slightly over passes as it does in a whole.
    """

    need: Need
    measures: frozenset[Measure]
    crops: tuple[Crop, ...]
    sufficient: float = 1.0
    may_be_slight: bool = False

    @classmethod
    def round(
        cls, context: EncodeContext, places: tuple[WorstPlace, ...], need: Need | None = None
    ) -> PlaceCrops | None:
        """Round those of the places that are over; None where crops say nothing, or would save nothing.

        need: another than the context's.
        """
        raster, need = context.raster, need or context.need
        over = tuple(place for place in places if need.is_over(place))
        measures = frozenset(place.measure for place in over)
        if raster.frames > 1 or not over or measures & _OF_ALL:
            return None
        corners = list[tuple[int, int]]()
        for place in over:
            if not any(_shows(corner, raster, place) for corner in corners):
                corners.append(_corner(raster, place))
        if raster.total_pixels < _LEAST_SHARE * len(corners) * _SIDE_PX**2:
            return None
        share = context.meter.ground_share
        return cls(need, measures, tuple(Crop.of(raster, *one, share) for one in corners))

    @classmethod
    def of_ground(cls, context: EncodeContext) -> PlaceCrops | None:
        """Of a picture that is nothing but ground, before any encode of it; None of others, and of small ones."""
        raster, meter = context.raster, context.meter
        is_asked = context.need.room is not None and not meter.is_sampled and raster.frames == 1
        if not is_asked or raster.total_pixels < _GROUND_SHARE * _SIDE_PX**2:
            return None
        if not meter.is_at_risk or meter.ground_share <= MOST_GROUND:
            return None
        most = min(_MOST_GROUNDS, raster.total_pixels // (_GROUND_SHARE * _SIDE_PX**2))
        crops = tuple(Crop.of(raster, *one) for one in meter.grounds(_SIDE_PX, most))
        return cls(context.need, _OF_GROUND, crops, sufficient=_SUFFICIENT_ON_GROUND)

    @classmethod
    def of_risky_tiles(cls, context: EncodeContext) -> PlaceCrops | None:
        """Of a picture that is too large to be looked at whole; None of others, and where nothing is at risk."""
        raster, meter = context.raster, context.meter
        is_asked = context.need.room is not None and meter.is_sampled and raster.frames == 1
        if not is_asked or raster.has_alpha:
            return None
        seen = source_cells(raster.pixels, is_kept=False)  # a large picture leaves no memory for them
        tiles = RiskyTiles.of(seen, _SIDE_PX)
        if not tiles.corners:
            return None
        measures = frozenset(Measure) - context.need.unmendable
        measures -= frozenset() if tiles.dark_share > LEAST_DARK_SHARE else _OF_ALL
        crops = tuple(Crop.of(raster, *one, seen.smooth_share) for one in tiles.corners)
        sufficient = _SUFFICIENT_ON_GROUND if seen.smooth_share > MOST_GROUND else 1.0
        return cls(context.need, measures, crops, sufficient, may_be_slight=True)

    def trials(self, runs: EncoderRuns) -> CropTrials:
        """By the same encoder as these runs, with the choices that it made for the whole picture."""
        return CropTrials(self, runs, tuple(runs.fork(runs.encoder.on(one.meter.raster)) for one in self.crops))


@dataclass(slots=True)
class CropTrials:
    """One encoder tried on crops, each setting once. Its encodes count as those of the whole picture's runs."""

    crops: PlaceCrops
    runs: EncoderRuns
    on_crops: tuple[EncoderRuns, ...]
    _places: dict[float, tuple[tuple[WorstPlace, ...], ...]] = field(default_factory=dict)

    def passes(self, setting: float) -> bool:
        """Whether no place of the crops is over what it may have, by the measures that count."""
        return self._has_at_most(1.0, self.places(setting))

    def suffices(self, setting: float) -> bool:
        """Whether the whole likely passes, too."""
        return self._has_at_most(self.crops.sufficient, self.places(setting))

    def is_slight(self, setting: float) -> bool:
        """Whether the crops' places are over what they may have, but slightly."""
        return self.crops.need.is_slight(self.places(setting))

    def excess(self, setting: float) -> float:
        """How many times what it may have the worst place of the crops is."""
        return self._most(self.places(setting))

    def places(self, setting: float) -> tuple[WorstPlace, ...]:
        """The worst places of the crops, by the measures that count, where they lie in the picture."""
        return tuple(place for places in self._by_crop(setting) for place in places)

    def lossless_growth(self, setting: float) -> float:
        """How many times the bytes at a setting the crops take without loss; without end where there is no such."""
        without = [runs.lossless() for runs in self.on_crops]
        self.runs.counted_elsewhere += len(self.on_crops)
        lossy_bytes = sum(len(runs.at(setting).data) for runs in self.on_crops)
        return sum(math.inf if one is None else len(one.data) for one in without) / lossy_bytes

    def that_fail(self, setting: float) -> CropTrials:
        """The same on those crops alone that do not pass at a setting."""
        each = zip(self.crops.crops, self.on_crops, self._by_crop(setting), strict=True)
        failing = [(crop, runs) for crop, runs, places in each if not self._has_at_most(1.0, places)]
        crops = replace(self.crops, crops=tuple(crop for crop, _ in failing))
        return CropTrials(crops, self.runs, tuple(runs for _, runs in failing))

    @property
    def least_bad(self) -> float | None:
        """The setting that came nearest, the coarsest of equals; None where none was tried."""
        return min(self._places, key=lambda setting: (self.excess(setting), setting), default=None)

    def _by_crop(self, setting: float) -> tuple[tuple[WorstPlace, ...], ...]:
        if setting not in self._places:
            each = zip(self.crops.crops, self.on_crops, strict=True)
            self._places[setting] = tuple(self._seen(crop, runs, setting) for crop, runs in each)
            self.runs.counted_elsewhere += len(self.on_crops)
        return self._places[setting]

    def _seen(self, crop: Crop, runs: EncoderRuns, setting: float) -> tuple[WorstPlace, ...]:
        places = preview_places(crop.meter, runs, setting)
        return tuple(crop.in_picture(place) for place in places if place.measure in self.crops.measures)

    def _has_at_most(self, excess: float, places: tuple[WorstPlace, ...]) -> bool:
        return self._most(places) <= excess or (self.crops.may_be_slight and self.crops.need.is_slight(places))

    def _most(self, places: tuple[WorstPlace, ...]) -> float:
        return max(map(self.crops.need.excess, places), default=0.0)


def _corner(raster: Raster, place: WorstPlace) -> tuple[int, int]:
    """Where the crop with the place in its middle begins, as far as it lies within."""
    middles = place.top_px + place.height_px // 2, place.left_px + place.width_px // 2
    sides = raster.height_px, raster.width_px
    starts = (min(max(0, at - _SIDE_PX // 2), max(0, side - _SIDE_PX)) for at, side in zip(middles, sides, strict=True))
    top, left = (start // _BLOCK_PX * _BLOCK_PX for start in starts)
    return top, left


def _shows(corner: tuple[int, int], raster: Raster, place: WorstPlace) -> bool:
    """Whether a crop has the place, with what decides what is seen there around it."""
    own = _corner(raster, place)
    return all(abs(one - other) <= _SIDE_PX // 4 for one, other in zip(corner, own, strict=True))


def _cut(raster: Raster, top: int, left: int) -> Raster:
    part = raster.pixels[top : top + _SIDE_PX + _BLOCK_PX, left : left + _SIDE_PX + _BLOCK_PX]
    return replace(raster, pixels=np.ascontiguousarray(part))
