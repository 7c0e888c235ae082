"""PNG: a dithered palette, or every pixel as it is; packed by oxipng, large photographs by a deflate of our own.

Native kernels choose the palette on a sample and map the pixels to it. Without them libimagequant inside libvips does
both, on the whole picture, in several times the time and the memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import oxipng
import pyvips
from numpy.typing import NDArray

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.worst_place import Measure
from leanpix.engine.budget import Effort
from leanpix.engine.codecs import priors
from leanpix.engine.codecs.base import Encoded, Goal, Mend, Raster, endless
from leanpix.engine.codecs.offers import Facts, Offer, Refinement, SourceSize, lossless, lossy, repacked_source
from leanpix.engine.codecs.palette_native import native_palettes
from leanpix.engine.codecs.png.animated import animated_png, repacked_animation
from leanpix.engine.codecs.png.palette import FINE_FROM, Palettes
from leanpix.engine.codecs.png.strips import ByLibdeflate, for_photograph, packed, tested_strips
from leanpix.engine.codecs.png.strips_native import native_strips
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.content.samples import texture
from leanpix.engine.facts import Limits
from leanpix.engine.reading.headers import apng, png_colour
from leanpix.engine.reading.headers.png_chunks import picture_only, picture_with, raw_bytes, searched_bytes
from leanpix.engine.reading.headers.png_colour import COLOUR_CHUNKS

_PACK_LEVEL = {Effort.FULL: 2, Effort.REDUCED: 1, Effort.MINIMAL: 0}
_ZLIB_LEVEL = {Effort.FULL: 9, Effort.REDUCED: 6, Effort.MINIMAL: 0}
_PALETTE_EFFORT = {Effort.FULL: 7, Effort.REDUCED: 4, Effort.MINIMAL: 1}
_THOROUGH_UP_TO_PIXELS = 4_000_000
_BUSY = 0.9
"""The share of pixels unlike their neighbour from which on oxipng's level 2 gains a tenth of a percent at most."""

_AT_ONCE_UP_TO_PIXELS = 34_000_000
"""Without loss: oxipng holds the samples three times, so above they are packed strip by strip."""

_STREAMED_ABOVE_BYTES = 128_000_000
"""Of samples: oxipng holds them three times."""

_QUICKLY_PACKED_UP_TO_PIXELS = 2_000_000
"""A PNG whose rival is small is packed at level 0 first; of a larger one its own bytes are believed, unless its samples
are stored as they are."""


# Medians over Kodak photographs, packed: log(bits per pixel) and score at a palette's quality.
_RATES = PriorCurve(((1, 0.01), (5, 0.51), (10, 0.67), (30, 0.88), (50, 1.03), (60, 1.16), (80, 1.37), (100, 1.43)))
_SCORES = PriorCurve(((1, -14.0), (5, 42.0), (10, 50.0), (30, 62.0), (50, 69.0), (60, 75.0), (80, 82.3), (100, 84.1)))

_QUICK_DEFLATE, _THOROUGH_DEFLATE = 7, 10
"""libdeflate's levels: from 10 on it parses for the best, 5 to 11 % smaller in four times the time."""

_THOROUGH_SECONDS_A_PIXEL = 0.33e-6
"""For the palette of a quality, which is packed once: half as much again as mapping and packing it thoroughly take."""

_THOROUGH_STRIP_S, _QUICK_STRIP_S, _SPARE_S = 0.4e-6, 0.17e-6, 2.0
"""A pixel; and at the end. What is packed thoroughly leaves the time to pack the rest quickly."""

_PHOTOGRAPH_FROM_PIXELS, _PHOTOGRAPH_S = 1_000_000, 0.3e-6
"""By our own deflate, in at most so many seconds a pixel: half to a quarter of what oxipng takes."""

_LEAST_BITS, _LEAST_GRAY_BITS_AT_LEVEL_2 = 1.5, 4.0
"""A sample: below these oxipng's result is smaller by more than 1 % at times (docs/decisions/0132, 0134)."""

_LEAST_COARSE_BITS = 1.8
"""The same for levels some steps apart: below, libdeflate finds more repeats in as much time (docs/decisions/0246)."""

_COARSE_DEFLATE = 8
"""libdeflate's level for those."""

_MOST_MAPPED = 4
"""Previews that are held to be packed from, a byte a pixel each."""

_ALLOWANCE = 15
"""A palette passes for a quality q at a score of q - 15: about where a JPEG of that quality lies from 60 to 90."""


@dataclass(frozen=True, slots=True)
class PngEncoder:
    """Parameter: a palette's quality of 1 to 100, as libimagequant has it; as few colours as it needs, at most 256."""

    raster: Raster
    effort: Effort
    is_screen_content: bool
    palettes: Palettes | None = None
    is_quick: bool = False
    is_part: bool = False
    is_busy: bool = False
    is_photograph: bool = False
    is_for_quality: bool = False
    left_s: Callable[[], float] = endless
    mapped: dict[float, bytearray] = field(default_factory=dict)
    lossless_from = 100
    rates = _RATES
    scores = _SCORES

    def on(self, raster: Raster) -> PngEncoder:
        """The same choices for another raster of the same picture: a part of it, or its levels some steps apart."""
        return replace(self, raster=raster, is_part=True, mapped={})

    def mends(self) -> tuple[Mend, ...]:
        """Nothing else was traded."""
        return ()

    def param_for(self, quality: float) -> float:
        """The quality is a palette's own."""
        return quality

    def least_score(self, quality: float) -> float:
        """A palette has too few colours for some pictures at any setting."""
        return quality - _ALLOWANCE

    @property
    def most_score(self) -> float:
        """Colours that lie all over are too many for any palette."""
        return 100.0 if self.palettes is None else self.palettes.most_score

    def preview(self, parameter: float) -> NDArray[np.uint8] | None:
        """The pixels mapped, which is half of an encode; the other half, at the same parameter, is done from there."""
        if self.palettes is None:
            return None
        while len(self.mapped) >= _MOST_MAPPED:  # the first is the furthest from what a search ends at
            self.mapped.pop(next(iter(self.mapped)))
        indices = self.mapped[parameter] = self.palettes.indices(self.raster.pixels, parameter)
        return self.palettes.shown(indices, parameter, self.raster.pixels.shape)

    def to_grid(self, parameter: float) -> float:
        """Whole numbers, and halves where a step is half of the error; of those of the same palette the first."""
        if self.palettes is None:
            return float(round(parameter))
        quality = round(2 * parameter) / 2 if parameter > FINE_FROM else float(round(parameter))
        return self.palettes.first_like(quality)

    def slower_presets(self) -> tuple[()]:
        """None: each encode runs at the effort chosen for its size and the time that is left."""
        return ()

    def encode(self, parameter: float) -> Encoded:
        """One palette, half dithered: as good as full dithering where it matters, and smaller."""
        if self.raster.frames > 1:
            return self.lossless()
        return self._by_libvips(parameter) if self.palettes is None else self._mapped(self.palettes, parameter)

    def _mapped(self, palettes: Palettes, quality: float) -> Encoded:
        """By the whole picture's palette, whatever part of it this raster is."""
        rows, width, _ = self.raster.pixels.shape
        colours = palettes.at(quality)
        indices = self.mapped.pop(quality, None) or palettes.indices(self.raster.pixels, quality)
        raw = oxipng.RawImage(indices, width, rows, color_type=oxipng.ColorType.indexed(colours.tolist()))
        del indices
        if self.raster.icc_profile is not None:
            raw.add_icc_profile(self.raster.icc_profile)
        name, settings = self._packing()
        data: bytes = raw.create_optimized_png(**settings)
        return Encoded(data, f"palette ({len(colours)} colours) + {name}", quality=quality)

    def _packing(self) -> tuple[str, dict[str, Any]]:
        """Indices of photographs have no use for filters; a part of the picture is only looked at."""
        if self.is_screen_content and not self.is_part and self.effort is Effort.FULL:
            return "oxipng 2", {"level": 2}
        level = _QUICK_DEFLATE if self.is_part or self.is_quick else _THOROUGH_DEFLATE
        deflater = oxipng.Deflaters.libdeflater(level)
        settings = {"level": 1, "filter": [oxipng.RowFilter.NoOp], "deflate": deflater}
        # The colours come ordered and without doubles: looking for those takes a second and a copy of 64 megapixels.
        return f"libdeflate {level}", settings | {"palette_reduction": False}

    def _by_libvips(self, parameter: float) -> Encoded:
        effort = _PALETTE_EFFORT[self._palette_effort()]
        data = self.raster.image().pngsave_buffer(
            palette=True, Q=int(parameter), dither=0.5, effort=effort, compression=1, keep=self.raster.keep
        )
        level = self._level()
        return Encoded(_pack(data, level), f"palette (effort {effort}) + oxipng {level}", quality=int(parameter))

    def lossless(self) -> Encoded:
        """Every pixel kept; oxipng finds the smallest colour type and the filters.

        It holds a picture three times: a large one is packed by strips. Photographs are, where that is no larger.
        """
        if self.raster.frames > 1:
            level = _PACK_LEVEL[self.effort]
            return Encoded(animated_png(self.raster, level), f"oxipng {level}, frame by frame", is_lossless=True)
        if self.is_part and self.is_for_quality and not self.is_screen_content:
            return self._coarse_photograph()
        if self.is_photograph and (photograph := self._as_photograph()):
            return photograph
        if self.effort is Effort.MINIMAL or self.raster.total_pixels > _AT_ONCE_UP_TO_PIXELS:
            return self._by_strips()
        level = self._level()
        return Encoded(self._by_oxipng(level=level), f"oxipng {level}", is_lossless=True)

    def _by_oxipng(self, **settings: Any) -> bytes:  # noqa: ANN401 - oxipng's own
        rows, width, _ = self.raster.pixels.shape
        raw = oxipng.RawImage(self.raster.pixels.tobytes(), width, rows, color_type=self._colour_type())
        if self.raster.icc_profile is not None:
            raw.add_icc_profile(self.raster.icc_profile)
        data: bytes = raw.create_optimized_png(**settings)
        return data

    def _coarse_photograph(self) -> Encoded:
        """Of coarser levels at a quality, in about the time of a palette (docs/decisions/0246)."""
        kernel, raster = native_strips(), self.raster
        if kernel is not None and not raster.has_alpha:
            deflater, bits = for_photograph(kernel, raster.pixels)
            if bits >= _LEAST_COARSE_BITS:
                return Encoded(packed(raster.pixels, raster.icc_profile, deflater), "own deflate", is_lossless=True)
        if raster.total_pixels > _AT_ONCE_UP_TO_PIXELS:
            return self._by_strips()
        level = oxipng.Deflaters.libdeflater(_COARSE_DEFLATE)
        data = self._by_oxipng(level=1, filter=[oxipng.RowFilter.BigEnt], deflate=level)
        return Encoded(data, f"libdeflate {_COARSE_DEFLATE}", is_lossless=True)

    def _as_photograph(self) -> Encoded | None:
        """By our own deflate, where strips of the picture say so and there is time."""
        kernel, raster = native_strips(), self.raster
        is_large = raster.total_pixels >= _PHOTOGRAPH_FROM_PIXELS
        if kernel is None or not is_large or self.left_s() < _PHOTOGRAPH_S * raster.total_pixels + _SPARE_S:
            return None
        deflater, bits = for_photograph(kernel, raster.pixels)
        is_rivalled = raster.is_gray and self._level() == _PACK_LEVEL[Effort.FULL]
        if bits < (_LEAST_GRAY_BITS_AT_LEVEL_2 if is_rivalled else _LEAST_BITS):
            return None
        return Encoded(packed(raster.pixels, raster.icc_profile, deflater), "own deflate", is_lossless=True)

    def _by_strips(self) -> Encoded:
        """As thoroughly as there is time for; by libvips where there is next to none, or no kernel."""
        kernel, raster = tested_strips(), self.raster
        if kernel is None or self.left_s() < _QUICK_STRIP_S * raster.total_pixels + _SPARE_S:
            return self._streamed()
        levels = list[int]()

        def level_for(pixels: int, pixels_after: int) -> int:
            needed_s = _THOROUGH_STRIP_S * pixels + _QUICK_STRIP_S * pixels_after + _SPARE_S
            levels.append(_THOROUGH_DEFLATE if self.left_s() >= needed_s else _QUICK_DEFLATE)
            return levels[-1]

        data = packed(raster.pixels, raster.icc_profile, ByLibdeflate(kernel, level_for))
        return Encoded(data, f"libdeflate {' and '.join(map(str, sorted(set(levels))))}", is_lossless=True)

    def _streamed(self) -> Encoded:
        data = self.raster.image().pngsave_buffer(compression=6, filter="all", keep=self.raster.keep)
        return Encoded(data, "libspng 6", is_lossless=True)

    def _palette_effort(self) -> Effort:
        large = self.effort is Effort.FULL and self.raster.total_pixels > _THOROUGH_UP_TO_PIXELS
        return Effort.REDUCED if large else self.effort

    def _level(self) -> int:
        """Level 2 packs graphics 5 to 15 % better than level 1, smooth photographs 3 %, and busy ones by nothing."""
        is_large = self.raster.total_pixels > _THOROUGH_UP_TO_PIXELS
        is_quick = self.effort is Effort.FULL and not self.is_screen_content and (is_large or self.is_busy)
        return _PACK_LEVEL[Effort.REDUCED if is_quick else self.effort]

    def _colour_type(self) -> oxipng.ColorType:
        kinds = oxipng.ColorType
        makers = {1: kinds.grayscale, 2: kinds.grayscale_alpha, 3: kinds.rgb, 4: kinds.rgba}
        return makers[self.raster.pixels.shape[2]]()


@dataclass(frozen=True, slots=True)
class PngCodec:
    """The PNG format."""

    format = OutputFormat.PNG
    takes_file_of = frozenset({SourceFormat.PNG})
    has_near_lossless = True
    counts_repacking = False
    unmendable = frozenset[Measure]()

    def open(self, raster: Raster, effort: Effort, goal: Goal) -> PngEncoder:
        """Graphics are recognised once, for the lossless try; the palettes' sample is taken once."""
        lossless = goal.quality is not None and goal.quality >= PngEncoder.lossless_from
        kernel = None if lossless or raster.frames > 1 else native_palettes()
        palettes = None if kernel is None else Palettes.of(raster.pixels, kernel)
        is_one_encode = goal.quality is not None and not lossless
        has_time = is_one_encode and goal.left_s() >= _THOROUGH_SECONDS_A_PIXEL * raster.total_pixels
        is_quick = effort is Effort.MINIMAL and not has_time
        seen = texture(raster.pixels)
        # oxipng finds out where alpha is not needed, and few colours are a palette's, or gray.
        needs_no_oxipng = not raster.has_alpha and (seen.has_many_colours or raster.is_gray)
        return PngEncoder(
            raster,
            effort,
            seen.is_screen_content,
            palettes,
            is_quick,
            is_busy=seen.changing > _BUSY,
            is_photograph=needs_no_oxipng and not seen.is_screen_content,
            is_for_quality=is_one_encode,
            left_s=goal.left_s,
        )

    def promised_score(self, raster: Raster, quality: float) -> None:
        """Nothing."""
        del raster, quality

    def source_size(self, source: bytes) -> SourceSize:
        """Its file, its samples as they are stored, and whether they were packed with care (no APNG's are)."""
        is_searched = apng.animation(source) is None and searched_bytes(source) > 0
        return SourceSize(len(source), raw_bytes(source), is_searched=is_searched)

    def offers(self, facts: Facts) -> Iterator[Offer]:
        """The source's samples packed anew, a palette, and every pixel coded anew; of an animation no palette.

        Frames dithered one by one would flicker, and hardly share a rectangle with the one before.
        """
        size = facts.usable_source
        is_known = size is not None and facts.pixels > _QUICKLY_PACKED_UP_TO_PIXELS and not size.is_stored
        if is_known:
            prior = priors.PNG_SOURCE if facts.is_screen_content else priors.PHOTOGRAPH_PNG_SOURCE
            yield from repacked_source(prior, facts)
        else:
            is_held = size is not None and size.samples_bytes <= _STREAMED_ABOVE_BYTES
            refinement = Refinement.QUICK_PACK if is_held else None
            is_searched = size is not None and size.is_searched and not size.is_stored
            prior = priors.SEARCHED_PNG_SOURCE if is_searched else priors.UNKNOWN_PNG_SOURCE
            yield from repacked_source(prior, facts, refinement)
        if facts.frames == 1:
            yield from lossy("palette", priors.PALETTE, facts)
        yield from lossless(priors.SCREEN_CONTENT, priors.PHOTOGRAPH, facts)

    def without_profile(self, source: bytes) -> bytes:
        """The source without the chunks that colours need: without them a PNG is sRGB."""
        return _own_chunks(source, ())

    def stripped(self, source: bytes) -> bytes:
        """The source's own chunks, without those that neither pixels nor colours need."""
        return _own_chunks(source, COLOUR_CHUNKS)

    def repack(
        self, source: bytes, effort: Effort, most_cpu_s: float = math.inf, most_bytes: int | None = None
    ) -> Encoded | None:
        """The source's own samples, 16 bits and all, packed anew; only what its colours need stays beside them.

        An APNG keeps its frames as they are: its default picture need not be what it shows.
        """
        del most_cpu_s, most_bytes
        if apng.animation(source) is not None:
            level = _ZLIB_LEVEL[effort]
            anew = repacked_animation(source, level)
            return None if anew is None else Encoded(anew, f"zlib {level}, frame by frame", is_lossless=True)
        try:
            if raw_bytes(source) > _STREAMED_ABOVE_BYTES:
                return Encoded(_streamed_anew(source), "libspng 6", is_lossless=True)
            data = _pack(picture_only(source, _told_colours(source)), _PACK_LEVEL[effort])
        except (oxipng.PngError, pyvips.Error):
            return None
        return Encoded(data, f"oxipng {_PACK_LEVEL[effort]}", is_lossless=True)


def _own_chunks(source: bytes, colours: Sequence[bytes]) -> bytes:
    """Those that make the pixels, of an APNG those of all its frames, and the chunks of these names."""
    if apng.animation(source) is None:
        return picture_with(source, source, colours)
    return repacked_animation(source, 0, colours) or source


def _streamed_anew(source: bytes) -> bytes:
    """The source's samples with other filters, never held; or its own stream, where that is no larger."""
    anew = _filtered_anew(picture_only(source))
    return picture_with(source, anew if len(anew) < len(source) else source, _told_colours(source))


def _told_colours(source: bytes) -> tuple[bytes, ...]:
    """The chunks that say what the colours are: beside one that ranks higher another would only mislead readers."""
    return png_colour.meaning(source, Limits()).names


def _filtered_anew(source: bytes) -> bytes:
    image = pyvips.Image.pngload_buffer(source, access="sequential", fail_on="error")
    data: bytes = image.pngsave_buffer(compression=6, filter="all", keep="none")
    return data


def _pack(data: bytes, level: int) -> bytes:
    packed: bytes = oxipng.optimize_from_memory(data, level=level, strip=oxipng.StripChunks.keep(list(COLOUR_CHUNKS)))
    return packed
