"""Score encoded results against the raster they were made from, on samples where the picture is large."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.metric import Scorer

_WHOLE_UP_TO_PIXELS = 3_000_000
_TILE_PX = 512
_TILES_PER_SIDE = 3
_FRAMES = 3
_BACKGROUNDS = (26, 229)
"""Transparent pictures are scored over a dark and a light ground, as the metric's own reference program does."""

_IDENTICAL = 100.0


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the raster, its frames stacked."""

    top: int
    left: int
    height: int
    width: int


def regions_of(raster: Raster) -> tuple[Region, ...]:
    """What is scored: up to three frames, whole when that is little, else nine tiles spread over each."""
    frames = sorted({round(i * (raster.frames - 1) / (_FRAMES - 1)) for i in range(_FRAMES)})
    height, width = raster.height_px, raster.width_px
    if len(frames) * height * width <= _WHOLE_UP_TO_PIXELS:
        return tuple(Region(frame * height, 0, height, width) for frame in frames)
    tile_height, tile_width = min(_TILE_PX, height), min(_TILE_PX, width)
    return tuple(
        Region(frame * height + top, left, tile_height, tile_width)
        for frame in frames
        for top in _starts(height, tile_height)
        for left in _starts(width, tile_width)
    )


def _starts(side: int, tile: int) -> list[int]:
    """Evenly spread, and on multiples of 16 where JPEG's blocks begin, so that a tile encodes as it would inside."""
    spread = (round(i * (side - tile) / (_TILES_PER_SIDE - 1)) // 16 * 16 for i in range(_TILES_PER_SIDE))
    return sorted(set(spread))


@dataclass(slots=True)
class Judge:
    """Knows one raster; scores what encoders made of it, or of its sample."""

    raster: Raster
    regions: tuple[Region, ...] = ()
    _scorers: list[Scorer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.regions = regions_of(self.raster)

    @property
    def is_sampled(self) -> bool:
        """Whether only a part of the pixels is scored."""
        return sum(r.height * r.width for r in self.regions) < self.raster.total_pixels

    def sample(self) -> Raster:
        """The scored regions below each other as a still picture of their own, small enough to try settings on."""
        return replace(self.raster, pixels=self._cut(self.raster.pixels), frames=1, delays_ms=())

    def score(self, encoded: Encoded) -> float:
        """The score of an encoding of the raster; one of other dimensions is scaled to the raster's first."""
        if encoded.is_lossless:
            return _IDENTICAL
        image = _decoded(encoded.data, self.raster)
        if (image.width, image.height) != (self.raster.width_px, self.raster.pixels.shape[0]):
            image = image.resize(self.raster.width_px / image.width, vscale=self.raster.pixels.shape[0] / image.height)
        parts = [image.crop(r.left, r.top, r.width, r.height) for r in self.regions]
        return self._compare(np.concatenate([_pixels(part) for part in parts]))

    def score_of_sample(self, encoded: Encoded) -> float:
        """The score of an encoding of the sample."""
        return self._compare(_pixels(_decoded(encoded.data, self.raster)))

    def _compare(self, pixels: NDArray[np.uint8]) -> float:
        if not self._scorers:
            reference = self._cut(self.raster.pixels)
            self._scorers = [Scorer(view) for view in _views(reference, has_alpha=self.raster.has_alpha)]
        views = _views(pixels, has_alpha=self.raster.has_alpha)
        return min(scorer.score(view) for scorer, view in zip(self._scorers, views, strict=True))

    def _cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if len(self.regions) == 1 and not self.is_sampled:
            return pixels
        return np.concatenate([pixels[r.top : r.top + r.height, r.left : r.left + r.width] for r in self.regions])


def _decoded(data: bytes, raster: Raster) -> pyvips.Image:
    """An encoding's pixels with the raster's bands: encoders may have left out a band that says nothing."""
    settings = {"n": -1} if raster.frames > 1 else {}
    image = pyvips.Image.new_from_buffer(data, "", **settings)
    alpha = image[image.bands - 1] if image.hasalpha() else None
    colour = image if alpha is None else image.extract_band(0, n=image.bands - 1)
    if colour.bands < raster.colour_bands:
        colour = colour.colourspace("srgb")
    if not raster.has_alpha:
        return colour.extract_band(0, n=raster.colour_bands)
    opaque = (image[0] * 0 + _OPAQUE).cast("uchar") if alpha is None else alpha
    return colour.bandjoin(opaque)


_OPAQUE = 255


def _pixels(image: pyvips.Image) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.ascontiguousarray(image.cast("uchar").numpy())
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]  # noqa: PLR2004 - rows, columns, bands


def _views(pixels: NDArray[np.uint8], *, has_alpha: bool) -> list[NDArray[np.uint8]]:
    """What a viewer sees: the picture itself, or the picture over each ground."""
    if not has_alpha:
        return [_colour(pixels)]
    alpha = pixels[:, :, -1:].astype(np.uint16)
    colour = pixels[:, :, :-1].astype(np.uint16)
    grounds = [(colour * alpha + ground * (_OPAQUE - alpha) + _OPAQUE // 2) // _OPAQUE for ground in _BACKGROUNDS]
    return [_colour(ground.astype(np.uint8)) for ground in grounds]


def _colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The metric takes gray without a band axis."""
    return np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
