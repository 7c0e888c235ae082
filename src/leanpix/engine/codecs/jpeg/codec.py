"""JPEG on one parameter: the kernels' encoder; jpegli where time is short; both wheels without kernels."""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.worst_place import Measure
from leanpix.engine.budget import Effort
from leanpix.engine.codecs import priors
from leanpix.engine.codecs.base import GROUND, Encoded, Goal, Mend, Raster, endless, never
from leanpix.engine.codecs.jpeg import lossless
from leanpix.engine.codecs.jpeg.jpegli import (
    PLAIN_MEANS,
    Means,
    Subsampling,
    distance_from_quality,
    encode_jpegli,
    jpegli_backend,
    quality_from_distance,
)
from leanpix.engine.codecs.jpeg.own_encoder import OwnEncoder, own_encoder
from leanpix.engine.codecs.jpeg.own_tables import with_own_tables
from leanpix.engine.codecs.offers import Facts, Offer, SourceSize, lossy, repacked_source
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.content.cells.thin_colour import halved_chroma_loss
from leanpix.engine.content.samples import SATURATED, chroma_detail
from leanpix.engine.reading.headers.jpeg import picture_bytes, without_metadata, without_profile
from leanpix.engine.reading.headers.jpeg_packing import JpegPacking, jpeg_packing

_NEVER = 101
_SMALLEST_DISTANCE = 0.1
"""Below it jpegli's files only grow by a tenth of a percent."""

_LOW_RATES_FROM = 6.4
"""Here mozjpeg takes 5 % less than jpegli at an equal score, and six times the CPU; 11 % at the end. The kernels'
encoder takes less than mozjpeg, and no more time than jpegli (docs/decisions/0336)."""

_FURTHEST_JPEGLI, _FURTHEST_MOZJPEG = 25.0, 60.0
"""Of mozjpeg it is a name for its quality of 1."""

THIN_COLOUR, _THIN_AT_ALL = 35.0, 60.0
"""Loss of thin coloured things by halved chroma from which on it is kept whole, at these rates and at any
(docs/decisions/0171)."""

_LOW_STEPS = (3.0, 2.0)
"""How coarse the steps of a block's mean may be where smooth ground would move or ring otherwise: two thirds of a level
and a half in luma. 2 to 8 % of the bytes of photographs, where a finer distance takes a third to two thirds
(docs/decisions/0171)."""

SMALL_PIXELS = 320 * 320
"""Up to here mozjpeg's steps take 3 to 20 % less than jpegli's at an equal score: every block of a thumbnail is busy
(docs/decisions/0249, 0305)."""

_SMALL_UP_TO = (91, 1.5, 82)
"""Quality, bits a pixel, score: from the one of these that is the goal, whole qualities are too far apart for a size,
and trellis drops grain that is asked for."""

_SMALL_RATE_BIAS = 0.65
"""How much more log(bits a pixel) a thumbnail takes than what is typical of larger pictures at a score."""

_SHOWN_PIXELS = 3_000_000
"""Of pictures up to here an encode's pixels are shown with it, where they are going to be looked at: those of a larger
one are not to be held beside what it takes to look at them."""

_OWN_PART = 0.5
"""Of the time that is left, for an encode of our own; jpegli's, which takes its place then, takes less."""

_VERY_SATURATED = 45.0
"""Chroma detail from which on 4:2:0 loses at every rate."""

_FINE = (60, 1.0, 62)
"""Quality, bits a pixel, score: from the one of these that is the goal, graphics between the two lose less by 4:4:4's
bytes than by 4:2:0's blur."""


@functools.cache
def _over_parameter(points: tuple[tuple[float, float], ...]) -> PriorCurve:
    """A curve over the parameter from points that name distances."""
    return PriorCurve(tuple((-math.log(distance), value) for distance, value in points))


@functools.cache
def _from(points: tuple[tuple[float, float], ...], furthest: float, bias: float = 0.0) -> PriorCurve:
    """Its part from a distance on; a search asks for it at every step."""
    return _over_parameter(points).start_at(-math.log(furthest)).biased(bias)


# Medians over twelve Kodak photographs, 4:2:0, by the kernels' encoder: log(bits per pixel) and score at a distance.
_RATES = (
    (100, -2.911), (80, -2.807), (60, -2.592), (50, -2.45), (40, -2.266), (32, -2.075), (25, -1.858), (20, -1.649),
    (15, -1.403), (12, -1.231), (10, -1.098), (8, -0.928), (6.4, -0.762), (6, -0.727), (5, -0.625), (4, -0.477),
    (3, -0.28), (2.5, -0.15), (2, 0.015), (1.5, 0.211), (1, 0.472), (0.75, 0.651), (0.5, 0.9), (0.3, 1.202),
    (0.2, 1.436), (0.1, 1.774),
)  # fmt: skip
_SCORES = (
    (100, -64.2), (80, -64.0), (60, -57.6), (50, -50.9), (40, -40.6), (32, -25.9), (25, -8.7), (20, 5.2), (15, 20.3),
    (12, 31.0), (10, 38.4), (8, 46.3), (6.4, 52.4), (6, 54.0), (5, 57.8), (4, 63.4), (3, 68.6), (2.5, 71.2), (2, 75.1),
    (1.5, 79.1), (1, 83.7), (0.75, 86.1), (0.5, 88.8), (0.3, 91.3), (0.2, 93.1), (0.1, 94.4),
)  # fmt: skip
_MOZJPEG_QUALITIES = (
    (60, 1), (25, 9.2), (20, 11.6), (15, 15.8), (12, 19.7), (10, 23.9), (8, 28.75), (6, 39.06),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JpegEncoder:
    """Parameter: -log(distance), a continuous one but for mozjpeg, so that a size or a score is met closely.

    is_small: in steps for thumbnails at any distance; is_thumbnail: of that size, though for finer goals by jpegli.
    left_s: the time that is left whenever that is asked. is_looked_at: whether an encode's pixels are going to be.
    """

    raster: Raster
    effort: Effort
    subsampling: Subsampling
    means: Means = PLAIN_MEANS
    is_small: bool = False
    is_thumbnail: bool = False
    left_s: Callable[[], float] = endless
    is_looked_at: Callable[[], bool] = never
    lossless_from = _NEVER
    most_score = 100.0
    is_screen_content = False

    @property
    def rates(self) -> PriorCurve:
        """Typical log(bits per pixel) along the parameter."""
        return _from(_RATES, self._furthest, _SMALL_RATE_BIAS if self.is_small else 0.0)

    @property
    def scores(self) -> PriorCurve:
        """Typical score along the parameter."""
        return _from(_SCORES, self._furthest)

    def on(self, raster: Raster) -> JpegEncoder:
        """The same choices for another raster of the same picture."""
        return replace(self, raster=raster)

    def mends(self) -> tuple[Mend, ...]:
        """Chroma at its full size; then busy blocks as fine as others; for smooth ground finer lowest frequencies."""
        mends = list[Mend]()
        if not self.raster.is_gray and self.subsampling != "4:4:4":
            # Of a thumbnail finer steps bring no colour back: docs/decisions/0318.
            whole = replace(self, subsampling="4:4:4")
            mends.append(Mend("whole chroma", whole, is_weighed=not self.is_thumbnail))
        elif not self.means.is_even and self._has_means:
            even, detail = replace(self.means, is_even=True), frozenset({Measure.THIN_COLOUR, Measure.WINDOW})
            mends.append(Mend("even steps", replace(self, means=even), detail, raises_score=False))
        finer = next((step for step in _LOW_STEPS if self.means.low_step == 0 or step < self.means.low_step), None)
        if finer is not None and self._has_means:
            refined = replace(self.means, low_step=finer)
            mends.append(Mend("finer ground", replace(self, means=refined), GROUND, raises_score=False))
        return tuple(mends)

    def param_for(self, quality: float) -> float:
        """-log of the distance that jpegli gives a libjpeg quality: one unbroken curve."""
        return -math.log(max(_SMALLEST_DISTANCE, distance_from_quality(quality)))

    def least_score(self, quality: float) -> None:
        """A JPEG passes for what it was encoded at."""
        del quality

    def preview(self, parameter: float) -> None:
        """Its pixels take an encode."""
        del parameter

    def to_grid(self, parameter: float) -> float:
        """Whole qualities for mozjpeg and for jpegli's wheel interface, everything else for the native one."""
        distance = math.exp(-parameter)
        if self.is_small:
            return self.param_for(max(1, round(quality_from_distance(distance))))
        if self._is_mozjpeg(distance):
            qualities = _over_parameter(_MOZJPEG_QUALITIES)
            return min(qualities.parameter(round(qualities.value(parameter))), -math.log(_LOW_RATES_FROM))
        if self._is_continuous(distance):
            return parameter
        return self.param_for(max(1, round(quality_from_distance(distance))))

    def slower_presets(self) -> tuple[()]:
        """Every encode is as thorough as it pays."""
        return ()

    def encode(self, parameter: float) -> Encoded:
        """One encode, progressive, with optimised tables."""
        # The furthest distance's own parameter goes through log and exp, and comes back a hair further.
        distance = min(math.exp(-parameter), self._furthest)
        if self.is_small:
            return self._small(max(1, round(quality_from_distance(distance))))
        return self._by_mozjpeg(parameter) if self._is_mozjpeg(distance) else self._by_distance(distance)

    def _small(self, quality: int) -> Encoded:
        """In mozjpeg's steps at the quality of that number, in the scans that are smallest."""
        own = own_encoder()
        if own is not None:
            subsampling, shown = self.subsampling, self._room_to_show()
            data = own.encode_thumbnail(
                self.raster.pixels,
                quality=quality,
                subsampling=subsampling,
                icc_profile=self.raster.icc_profile,
                shown=shown,
            )
            return Encoded(data, f"leanpix {subsampling}", quality=quality, shown=shown)
        data = self._saved(quality, interlace=False, optimize_scans=False, quant_table=3)
        packed = lossless.packed(data)
        data = packed.data if packed is not None and len(packed.data) < len(data) else data
        return Encoded(with_own_tables(data), f"mozjpeg {self.subsampling}", quality=quality)

    def lossless(self) -> None:
        """JPEG has no lossless mode that viewers read."""

    def _room_to_show(self) -> NDArray[np.uint8] | None:
        """For the pixels of an encode that is going to be looked at."""
        if self.raster.has_alpha or self.raster.total_pixels > _SHOWN_PIXELS or not self.is_looked_at():
            return None
        return np.empty_like(self.raster.pixels)

    @property
    def _has_means(self) -> bool:
        return self._is_continuous(_SMALLEST_DISTANCE) and not self.is_small

    def _own(self, distance: float) -> OwnEncoder | None:
        """The kernels' encoder (docs/decisions/0251, 0364); in least time, and for a thumbnail's grain, jpegli."""
        if self.effort is Effort.MINIMAL or (self.is_thumbnail and not _is_low(distance)):
            return None
        return own_encoder()

    def _is_continuous(self, distance: float) -> bool:
        return self._own(distance) is not None or jpegli_backend().startswith("native")

    @property
    def _furthest(self) -> float:
        if self.effort is Effort.MINIMAL:
            return _FURTHEST_JPEGLI
        return _FURTHEST_MOZJPEG if own_encoder() is None else _RATES[0][0]

    def _is_mozjpeg(self, distance: float) -> bool:
        return self.effort is not Effort.MINIMAL and _is_low(distance) and own_encoder() is None

    def _by_distance(self, distance: float) -> Encoded:
        own = self._own(distance)
        if own is None:
            return self._by_jpegli(distance)
        shown = self._room_to_show()
        try:
            data = own.encode(
                self.raster.pixels,
                distance=distance,
                subsampling=self.subsampling,
                icc_profile=self.raster.icc_profile,
                means=self.means,
                most_cpu_s=_OWN_PART * self.left_s(),
                shown=shown,
            )
        except TimeoutError:
            return self._by_jpegli(distance)
        quality = round(quality_from_distance(distance), 1)
        return Encoded(data, f"leanpix {self.subsampling}", quality=quality, distance=distance, shown=shown)

    def _by_jpegli(self, distance: float) -> Encoded:
        distance = min(distance, _FURTHEST_JPEGLI)
        data = encode_jpegli(
            self.raster.pixels,
            distance=distance,
            subsampling=self.subsampling,
            icc_profile=self.raster.icc_profile,
            means=self.means,
        )
        name = "jpegli {}" if jpegli_backend().startswith("native") else "jpegli {} (wheel)"
        return Encoded(
            with_own_tables(data),
            name.format(self.subsampling),
            quality=round(quality_from_distance(distance), 1),
            distance=distance,
        )

    def _by_mozjpeg(self, parameter: float) -> Encoded:
        quality = max(1, round(_over_parameter(_MOZJPEG_QUALITIES).value(parameter)))
        data = self._saved(quality, interlace=True, optimize_scans=True, quant_table=5)
        return Encoded(with_own_tables(data), f"mozjpeg {self.subsampling}", quality=quality)

    def _saved(self, quality: int, **settings: object) -> bytes:
        data: bytes = self.raster.image().jpegsave_buffer(
            Q=quality,
            optimize_coding=True,
            trellis_quant=True,
            overshoot_deringing=True,
            # libvips would change to 4:4:4 by itself from quality 90 on.
            subsample_mode="on" if self.subsampling == "4:2:0" else "off",
            keep=self.raster.keep,
            **settings,
        )
        return data


@dataclass(frozen=True, slots=True)
class JpegCodec:
    """The JPEG format."""

    format = OutputFormat.JPG
    takes_file_of = frozenset({SourceFormat.JPG})
    has_near_lossless = False
    counts_repacking = True
    unmendable = frozenset[Measure]()

    def open(self, raster: Raster, effort: Effort, goal: Goal) -> JpegEncoder:
        """Chroma keeps its full size where halving it would show at this rate: line art and saturated text.

        Made as small as a thumbnail every photograph has chroma's detail: at a quality only what is thin and coloured
        counts there (docs/decisions/0328).
        """
        is_thumbnail = raster.total_pixels <= SMALL_PIXELS
        has_no_say = raster.is_gray or (is_thumbnail and goal.quality is not None)
        detail = 0.0 if has_no_say else chroma_detail(raster.pixels)
        sharp = detail > (SATURATED if _is_fine(goal) else _VERY_SATURATED)
        # What a percentile over samples passes over: a caption, a badge, the lines of a chart.
        sharp = sharp or halved_chroma_loss(raster.pixels) > (THIN_COLOUR if _is_fine(goal) else _THIN_AT_ALL)
        is_small = is_thumbnail and not _is_beyond(goal, _SMALL_UP_TO)
        subsampling: Subsampling = "4:4:4" if sharp else "4:2:0"
        return JpegEncoder(
            raster,
            effort,
            subsampling,
            is_small=is_small,
            is_thumbnail=is_thumbnail,
            left_s=goal.left_s,
            is_looked_at=goal.is_looked_at,
        )

    def promised_score(self, raster: Raster, quality: float) -> None:
        """Nothing."""
        del raster, quality

    def source_size(self, source: bytes) -> SourceSize:
        """Its picture, without metadata and what follows it."""
        return SourceSize(picture_bytes(source), packing=jpeg_packing(source))

    def offers(self, facts: Facts) -> Iterator[Offer]:
        """The source with better entropy coding, and an encode; JPEG has no lossless mode that viewers read."""
        if facts.usable_source is not None:
            yield from repacked_source(_source_prior(facts.usable_source, facts.pixels), facts)
        yield from lossy("lossy", priors.JPEG_LOSSY, facts)

    def without_profile(self, source: bytes) -> bytes:
        """The source without its ICC profile's segments."""
        return without_profile(source)

    def stripped(self, source: bytes) -> bytes:
        """The source without metadata and comments; its profile stays."""
        return without_metadata(source)

    def repack(
        self, source: bytes, effort: Effort, most_cpu_s: float = math.inf, most_bytes: int | None = None
    ) -> Encoded | None:
        """Better entropy coding of the same coefficients; the ICC profile stays, all other metadata goes.

        Where there is no time for it, the source's own.
        """
        del effort  # 0.03 s/MP: never worth saving
        try:
            return lossless.packed(source, most_cpu_s, most_bytes)
        except TimeoutError:
            return Encoded(self.stripped(source), "source", is_lossless=True)


def _source_prior(size: SourceSize, pixels: int) -> priors.Prior:
    """What repacking takes away, by what the file says of itself."""
    rows = priors.JPEG_SOURCE[size.packing or JpegPacking.STANDARD_TABLES]
    bits_a_pixel = 8 * size.picture_bytes / pixels
    band = bisect.bisect_right(priors.JPEG_BITS_A_PIXEL, bits_a_pixel)
    is_small = size.picture_bytes <= priors.JPEG_SMALL_BYTES and bits_a_pixel >= priors.JPEG_BITS_A_PIXEL[1]
    return rows[-1] if is_small else rows[band]


def _is_low(distance: float) -> bool:
    # A hair of slack: the boundary's own parameter goes through log and exp.
    return distance >= _LOW_RATES_FROM * (1 - 1e-9)


def _is_fine(goal: Goal) -> bool:
    return _is_beyond(goal, _FINE)


def _is_beyond(goal: Goal, limits: tuple[float, float, float]) -> bool:
    wanted = (goal.quality, goal.bits_per_pixel, goal.score)
    return any(one is not None and one >= limit for one, limit in zip(wanted, limits, strict=True))
