"""Score encoded results against the raster they were made from, on samples where the picture is large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from leanpix.domain.formats import OutputFormat
from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.codecs import EXTRAS
from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.codecs.jpeg.decoded import decoded_jpeg
from leanpix.engine.codecs.webp.libwebp import decoded_webp
from leanpix.engine.content.cells import source_cells
from leanpix.engine.judging.ssimulacra2 import Ssimulacra2
from leanpix.engine.judging.views import views
from leanpix.engine.judging.worst_place import WorstPlaces, banded
from leanpix.engine.reading.loaders.base import from_array

_WHOLE_UP_TO_PIXELS = 20_000_000
_SCORED_TILE_PX = 1024
_SAMPLE_ABOVE_PIXELS = 3_000_000
_SAMPLE_TILE_PX = 512
_TILES_PER_SIDE = 3
_FRAMES = 3
_LEAN_ABOVE_PIXELS = 8_000_000
_KEPT_BYTES = 256 << 20
_IDENTICAL = 100.0


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the raster, its frames stacked."""

    top: int
    left: int
    height: int
    width: int


def regions_of(raster: Raster) -> tuple[Region, ...]:
    """What is scored: up to three frames, whole up to 20 megapixels together, else nine tiles spread over each."""
    frames = sorted({round(i * (raster.frames - 1) / (_FRAMES - 1)) for i in range(_FRAMES)})
    height, width = raster.height_px, raster.width_px
    if len(frames) * height * width <= _WHOLE_UP_TO_PIXELS:
        return tuple(Region(frame * height, 0, height, width) for frame in frames)
    return tuple(tile for frame in frames for tile in _tiles(raster, frame * height, _SCORED_TILE_PX))


def sample_of(raster: Raster) -> Raster | None:
    """Nine tiles below each other as a picture to try settings on; None where the whole picture is small enough.

    An animation's frames are coded from one another: no sample of stills stands for them.
    """
    if raster.frames > 1 or raster.total_pixels <= _SAMPLE_ABOVE_PIXELS:
        return None
    return replace(raster, pixels=_cut(raster.pixels, tuple(_tiles(raster, 0, _SAMPLE_TILE_PX))))


def _tiles(raster: Raster, first_row: int, side: int) -> list[Region]:
    height, width = min(side, raster.height_px), min(side, raster.width_px)
    lefts = _starts(raster.width_px, width)
    return [Region(first_row + top, left, height, width) for top in _starts(raster.height_px, height) for left in lefts]


def _cut(pixels: NDArray[np.uint8], regions: tuple[Region, ...]) -> NDArray[np.uint8]:
    if len(regions) == 1 and regions[0].height * regions[0].width == pixels.shape[0] * pixels.shape[1]:
        return pixels
    return np.concatenate([pixels[r.top : r.top + r.height, r.left : r.left + r.width] for r in regions])


def _starts(side: int, tile: int) -> list[int]:
    """Evenly spread, and on multiples of 16 where JPEG's blocks begin, so that a tile encodes as it would inside."""
    spread = (round(i * (side - tile) / (_TILES_PER_SIDE - 1)) // 16 * 16 for i in range(_TILES_PER_SIDE))
    return sorted(set(spread))


@dataclass(slots=True)
class QualityMeter:
    """Knows one raster; scores what encoders made of it.

    whole_ground_share: of the picture that the raster is a part of; None: it is a whole one.
    """

    raster: Raster
    whole_ground_share: float | None = None
    regions: tuple[Region, ...] = field(init=False, default=())
    _scorers: list[Ssimulacra2] = field(default_factory=list)
    _known: dict[bytes, float] = field(default_factory=dict)
    _risks: list[bool] = field(default_factory=list)
    _lookers: list[WorstPlaces] = field(default_factory=list)
    _worst: dict[bytes, tuple[WorstPlace, ...]] = field(default_factory=dict)
    _held: tuple[bytes, NDArray[np.uint8]] | None = None

    def __post_init__(self) -> None:
        self.regions = regions_of(self.raster)

    @property
    def is_sampled(self) -> bool:
        """Whether only a part of the pixels is scored."""
        return sum(r.height * r.width for r in self.regions) < self.raster.total_pixels

    def tiles(self) -> Raster:
        """What is scored of a still picture, as a picture of its own."""
        return replace(self.raster, pixels=_cut(self.raster.pixels, self.regions))

    def score(self, encoded: Encoded) -> float:
        """The score of an encoding of the raster; one of other dimensions is scaled to the raster's first."""
        if encoded.is_lossless:
            return _IDENTICAL
        if encoded.data not in self._known:
            self._known[encoded.data] = self._measured(encoded)
        return self._known[encoded.data]

    def know(self, encoded: Encoded, score: float, places: tuple[WorstPlace, ...]) -> None:
        """Take over what the pixels said that this encode keeps: it need not be decoded for it."""
        self._known[encoded.data], self._worst[encoded.data] = score, places

    def score_of(self, pixels: NDArray[np.uint8]) -> float:
        """The score of what stands for the whole raster, in its shape."""
        return self._compare(_cut(pixels, self.regions))

    def worst(self, encoded: Encoded) -> tuple[WorstPlace, ...]:
        """The worst places of an encoding, one for each measure, the worst of all first; none of a lossless one."""
        if encoded.is_lossless:
            return ()
        if encoded.data not in self._worst:
            self._worst[encoded.data] = self._worst_in(self._shown(encoded))
        return self._worst[encoded.data]

    def worst_of(self, pixels: NDArray[np.uint8]) -> tuple[WorstPlace, ...]:
        """The same of what stands for the whole raster, in its shape."""
        return self._worst_in(_cut(pixels, self.regions))

    def _worst_in(self, regions: NDArray[np.uint8]) -> tuple[WorstPlace, ...]:
        seen = views(regions, has_alpha=self.raster.has_alpha)
        found = [looker.worst(view) for looker, view in zip(self._ready_lookers(), seen, strict=True)]
        worst = max(found, key=lambda places: max((place.ratio for place in places), default=0.0))
        return tuple(self._in_picture(place) for place in worst)

    @property
    def is_at_risk(self) -> bool:
        """Whether the raster has anything that an ordinary encode may ruin and a mean forgive; looked for once."""
        if not self._risks:
            seen = views(_cut(self.raster.pixels, self.regions), has_alpha=self.raster.has_alpha)
            self._risks.append(any(source_cells(banded(view)).is_at_risk for view in seen))
        return self._risks[0]

    @property
    def ground_share(self) -> float:
        """How much of what is seen is smooth ground."""
        return max(looker.ground_share for looker in self._ready_lookers())

    @property
    def is_dark(self) -> bool:
        """Whether most of what is seen is so dark that an eye adapts to it."""
        return any(looker.is_dark for looker in self._ready_lookers())

    def grounds(self, side_px: int, most: int) -> tuple[tuple[int, int], ...]:
        """The top and left of at most so many tiles of smooth ground; of a whole still picture."""
        return self._ready_lookers()[0].grounds(side_px, most)

    def _ready_lookers(self) -> list[WorstPlaces]:
        if not self._lookers:
            seen = views(_cut(self.raster.pixels, self.regions), has_alpha=self.raster.has_alpha)
            self._lookers = [WorstPlaces(view, whole_ground_share=self.whole_ground_share) for view in seen]
        return self._lookers

    def _in_picture(self, place: WorstPlace) -> WorstPlace:
        """A place of the regions below each other, where it lies in its frame."""
        if not self.is_sampled and self.raster.frames == 1:
            return place
        top = place.top_px
        for region in self.regions:
            if top < region.height:
                height = min(place.height_px, region.height - top)
                return replace(
                    place,
                    left_px=region.left + place.left_px,
                    top_px=(region.top + top) % self.raster.height_px,
                    height_px=height,
                )
            top -= region.height
        return place

    def _measured(self, encoded: Encoded) -> float:
        return self._compare(self._shown(encoded))

    def _shown(self, encoded: Encoded) -> NDArray[np.uint8]:
        """The scored regions of an encoding; those of a small picture's last one are kept, for both criteria."""
        if self._held is not None and self._held[0] is encoded.data:
            return self._held[1]
        self._held = None
        pixels = self._regions_of(encoded)
        if self.raster.total_pixels <= _SAMPLE_ABOVE_PIXELS:
            self._held = (encoded.data, pixels)
        return pixels

    def _regions_of(self, encoded: Encoded) -> NDArray[np.uint8]:
        """The scored regions of an encoding, at the raster's dimensions."""
        width, rows = self.raster.width_px, self.raster.pixels.shape[0]
        if not self.is_sampled and not self.raster.has_alpha:
            if encoded.shown is not None and encoded.shown.shape == self.raster.pixels.shape:
                return encoded.shown
            plain = decoded_jpeg(encoded.data, self.raster.colour_bands)
            if plain is not None and plain.shape[:2] == (rows, width):
                return plain
        held = decoded_webp(encoded.data) if self._reads_in_order else None
        image = _decoded(encoded.data, self.raster, in_order=self._reads_in_order, held=held)
        if (image.width, image.height) != (width, rows):
            return np.concatenate(list(_enlarged(_pixels(image), (rows, width), self.regions)))
        return self._seen(image)

    @property
    def _reads_in_order(self) -> bool:
        """A large still picture is decoded once from top to bottom and not held, or once: that halves the memory."""
        return self.is_sampled and self.raster.frames == 1

    def _seen(self, image: pyvips.Image) -> NDArray[np.uint8]:
        """The scored regions of an image, below each other."""
        if not self.is_sampled:
            return _pixels(image)
        # Side by side as they lie in the image: then its rows are needed in their order, and nothing between them.
        across = len({region.left for region in self.regions})
        tiles = [image.crop(r.left, r.top, r.width, r.height) for r in self.regions]
        rows = np.split(_pixels(pyvips.Image.arrayjoin(tiles, across=across)), len(tiles) // across)
        return np.concatenate([tile for row in rows for tile in np.split(row, across, axis=1)])

    def _compare(self, pixels: NDArray[np.uint8]) -> float:
        if not self._scorers:
            reference = _cut(self.raster.pixels, self.regions)
            # A large picture leaves no memory for what would make each further score a quarter cheaper.
            keep_bytes = 0 if self.raster.total_pixels > _LEAN_ABOVE_PIXELS else _KEPT_BYTES
            seen = views(reference, has_alpha=self.raster.has_alpha)
            self._scorers = [Ssimulacra2(view, keep_limit_bytes=keep_bytes) for view in seen]
        seen = views(pixels, has_alpha=self.raster.has_alpha)
        return min(scorer.score(view) for scorer, view in zip(self._scorers, seen, strict=True))


def _decoded(
    data: bytes, raster: Raster, *, in_order: bool = False, held: NDArray[np.uint8] | None = None
) -> pyvips.Image:
    """An encoding's pixels with the raster's bands: encoders may have left out a band that says nothing.

    held: them, if they are at hand.
    """
    settings: dict[str, object] = {"n": -1} if raster.frames > 1 else {}
    settings["access"] = "sequential" if in_order else "random"
    image = _opened(data, settings) if held is None else from_array(held)
    alpha = image[image.bands - 1] if image.hasalpha() else None
    colour = image if alpha is None else image.extract_band(0, n=image.bands - 1)
    if colour.bands < raster.colour_bands:
        colour = colour.colourspace("srgb")
    colour = colour.extract_band(0, n=raster.colour_bands)
    if not raster.has_alpha:
        return colour
    opaque = (image[0] * 0 + _OPAQUE).cast("uchar") if alpha is None else alpha
    return colour.bandjoin(opaque)


def _opened(data: bytes, settings: dict[str, object]) -> pyvips.Image:
    """By whoever reads the format: libvips' own readers of those that are only written are blocked."""
    kind = OutputFormat.of(data)
    extra = None if kind is None else EXTRAS.get(kind)
    return pyvips.Image.new_from_buffer(data, "", **settings) if extra is None else from_array(extra.decoded(data))


_OPAQUE = 255


def _enlarged(
    pixels: NDArray[np.uint8], shape: tuple[int, int], regions: tuple[Region, ...]
) -> Iterator[NDArray[np.uint8]]:
    """Regions of (rows, width, bands) pixels as they would be at so many rows and columns, by a bicubic kernel.

    By Pillow: what libvips' resize enlarges lies half a pixel further down and to the right (docs/decisions/0327).
    """
    rows, columns, bands = pixels.shape
    image = Image.fromarray(pixels[:, :, 0] if bands == 1 else pixels)
    down, across = rows / shape[0], columns / shape[1]
    for region in regions:
        bottom, right = region.top + region.height, region.left + region.width
        box = (region.left * across, region.top * down, min(right * across, columns), min(bottom * down, rows))
        part = image.resize((region.width, region.height), Image.Resampling.BICUBIC, box=box)
        yield np.asarray(part).reshape(region.height, region.width, bands)


def _pixels(image: pyvips.Image) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.ascontiguousarray(image.cast("uchar").numpy())
    # pyvips leaves out axes of length one: the bands of gray, all of them for one gray pixel.
    return pixels.reshape(image.height, image.width, image.bands)
