"""JPEG XL by libjxl: 8 bits a sample, still pictures; the files of JPEGs packed without loss too."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.states import TaskState
from leanpix.domain.worst_place import Measure
from leanpix.engine.budget import Effort
from leanpix.engine.codecs import priors
from leanpix.engine.codecs.base import Encoded, Goal, Mend, Raster
from leanpix.engine.codecs.offers import Facts, Offer, SourceSize, lossless, lossy, repacked_source
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.content.samples import texture
from leanpix.engine.libraries.libjxl import JxlError, LibJxl, libjxl
from leanpix.engine.reading.headers import jpeg, jxl

_MISSING = "JPEG XL is not written here: no wheel with libjxl fits this machine"

PACKING_EFFORT = 7
"""Of JPEG files: 0.06 CPU seconds a megapixel. The highest effort, 9, takes 0.5 % fewer bytes for 8 times as much."""

_QUICK, _USUAL = 3, 5
"""libjxl's effort: 0.05 and 0.19 CPU seconds a megapixel. The quick one's bytes have gaps of 12 to 35 %."""

_SLOWER, _SLOWER_UP_TO_PIXELS = 8, 262_144
"""The effort of a search's last tries, up to where one of them takes half a second: 1 to 5 % fewer bytes at a score, of
small drawings without loss a tenth, in seven times the time (docs/decisions/0368)."""

_LOSSLESS_UP_TO_PIXELS = 4_000_000
_USUAL_UP_TO_PIXELS = 12_000_000
_NEVER = 101
_HIGHEST_DISTANCE, _LOWEST_DISTANCE = 18.0, 0.1  # from 20 on libjxl halves the picture: more distance, more bytes
_STEPS = 100  # to 1 of the parameter: 1 % of the distance, less than that of the bytes

# Medians over five Kodak photographs: log(bits per pixel) and score at minus the logarithm of libjxl's distance.
_QUICK_RATES = PriorCurve((
    (-2.890, -1.457), (-2.565, -1.102), (-2.197, -0.746), (-1.792, -0.344), (-1.386, 0.007),
    (-1.099, 0.234), (-0.693, 0.498), (-0.405, 0.664), (0.0, 0.978), (0.288, 1.109), (0.693, 1.352),
    (1.050, 1.488), (1.609, 1.729), (2.303, 1.995),
))  # fmt: skip
_QUICK_SCORES = PriorCurve((
    (-2.890, -5.1), (-2.565, 11.6), (-2.197, 32.3), (-1.792, 47.8), (-1.386, 61.2),
    (-1.099, 68.7), (-0.693, 76.5), (-0.405, 80.4), (0.0, 86.6), (0.288, 88.6), (0.693, 91.8),
    (1.050, 93.2), (1.609, 95.3), (2.303, 96.7),
))  # fmt: skip
_USUAL_RATES = PriorCurve((
    (-2.890, -1.774), (-2.565, -1.410), (-2.197, -1.008), (-1.792, -0.634), (-1.386, -0.247), (-1.099, 0.046),
    (-0.693, 0.438), (-0.405, 0.666), (0.0, 0.937), (0.288, 1.110), (0.693, 1.300), (1.050, 1.481),
    (1.609, 1.737), (2.303, 2.006),
))  # fmt: skip
_USUAL_SCORES = PriorCurve((
    (-2.890, -20.4), (-2.565, -5.6), (-2.197, 15.0), (-1.792, 35.2), (-1.386, 50.7), (-1.099, 62.8),
    (-0.693, 73.4), (-0.405, 79.6), (0.0, 85.2), (0.288, 88.0), (0.693, 91.1), (1.050, 93.0),
    (1.609, 95.2), (2.303, 96.4),
))  # fmt: skip
_RATES = {_QUICK: _QUICK_RATES, _USUAL: _USUAL_RATES, _SLOWER: _USUAL_RATES}
_SCORES = {_QUICK: _QUICK_SCORES, _USUAL: _USUAL_SCORES, _SLOWER: _USUAL_SCORES}


@dataclass(frozen=True, slots=True)
class JxlEncoder:
    """Parameter: minus the logarithm of libjxl's distance.

    ends_slower: whether a search ends with tries at a higher effort.
    """

    raster: Raster
    effort: int
    is_screen_content: bool
    ends_slower: bool = False
    lossless_from = _NEVER
    most_score = 100.0

    @property
    def rates(self) -> PriorCurve:
        """Typical log(bits per pixel) along the parameter."""
        return _RATES[self.effort]

    @property
    def scores(self) -> PriorCurve:
        """Typical score along the parameter."""
        return _SCORES[self.effort]

    def on(self, raster: Raster) -> JxlEncoder:
        """The same choices for another raster of the same picture."""
        return replace(self, raster=raster)

    def mends(self) -> tuple[Mend, ...]:
        """Chroma has its full size."""
        return ()

    def param_for(self, quality: float) -> float:
        """Libjxl's own scale of qualities."""
        return -math.log(_distance(quality))

    def least_score(self, quality: float) -> None:
        """A JPEG XL passes for what it was encoded at."""
        del quality

    def preview(self, parameter: float) -> None:
        """Its pixels take an encode."""
        del parameter

    def to_grid(self, parameter: float) -> float:
        """Hundredths."""
        lowest, highest = -math.log(_HIGHEST_DISTANCE), -math.log(_LOWEST_DISTANCE)
        return min(max(round(parameter * _STEPS) / _STEPS, lowest), highest)

    def slower_presets(self) -> tuple[JxlEncoder, ...]:
        """Effort 8, of small pictures; 7 takes 1 % fewer bytes for twice the time."""
        return (replace(self, effort=_SLOWER, ends_slower=False),) if self.ends_slower else ()

    def encode(self, parameter: float) -> Encoded:
        """One lossy encode."""
        distance = math.exp(-parameter)
        data = self._save(self.effort, distance)
        return Encoded(data, f"libjxl (effort {self.effort})", distance=distance)

    def lossless(self) -> Encoded:
        """Every pixel kept."""
        is_small = self.raster.total_pixels <= _LOSSLESS_UP_TO_PIXELS
        effort = self.effort if is_small else _QUICK  # 0.6 and 0.15 CPU seconds a megapixel
        return Encoded(self._save(effort, None), f"libjxl lossless (effort {effort})", is_lossless=True)

    def _save(self, effort: int, distance: float | None) -> bytes:
        """Always in the container: a client sees a file that was cut short, and metadata has boxes there."""
        raster = self.raster
        try:
            return _required().encode(raster.pixels, effort=effort, distance=distance, profile=raster.icc_profile)
        except JxlError as error:
            raise TaskFailure(TaskState.FAILED, "the JPEG XL encoder failed") from error


@dataclass(frozen=True, slots=True)
class JxlCodec:
    """The JPEG XL format."""

    format = OutputFormat.JXL
    takes_file_of = frozenset({SourceFormat.JXL, SourceFormat.JPG})
    has_near_lossless = False
    counts_repacking = False
    unmendable = frozenset[Measure]()

    def open(self, raster: Raster, effort: Effort, goal: Goal) -> JxlEncoder:
        """How hard it tries is chosen by the pixels and the time."""
        _required()
        has_time = effort is Effort.FULL and raster.total_pixels <= _USUAL_UP_TO_PIXELS
        return JxlEncoder(
            *(raster, _USUAL if has_time else _QUICK, texture(raster.pixels).is_screen_content),
            ends_slower=has_time and raster.total_pixels <= _SLOWER_UP_TO_PIXELS and goal.bits_per_pixel is None,
        )

    def promised_score(self, raster: Raster, quality: float) -> None:
        """Nothing."""
        del raster, quality

    def source_size(self, source: bytes) -> SourceSize:
        """Of a JPEG the picture without metadata: what is packed."""
        return SourceSize(len(self.stripped(source)) if jxl.matches(source) else jpeg.picture_bytes(source))

    def offers(self, facts: Facts) -> Iterator[Offer]:
        """The source's file, a JPEG's packed; an encode; and every pixel kept."""
        is_jpeg = facts.source_format is SourceFormat.JPG
        yield from repacked_source(priors.PACKED_JPEG if is_jpeg else priors.JXL_SOURCE, facts)
        yield from lossy("lossy", priors.JXL_LOSSY, facts)
        yield from lossless(priors.SCREEN_CONTENT, priors.PHOTOGRAPH, facts)

    def without_profile(self, source: bytes) -> bytes:
        """Of a JPEG; a JPEG XL's colours are a part of its picture."""
        return source if jxl.matches(source) else jpeg.without_profile(source)

    def stripped(self, source: bytes) -> bytes:
        """The source's picture alone; its profile is a part of that."""
        return jxl.picture_only(source)

    def repack(
        self, source: bytes, effort: Effort, most_cpu_s: float = math.inf, most_bytes: int | None = None
    ) -> Encoded | None:
        """The source without its metadata; a JPEG without it packed, to be had back to the byte."""
        del effort, most_cpu_s, most_bytes
        if jxl.matches(source):
            return Encoded(self.stripped(source), "source", is_lossless=True)
        try:
            data = _required().pack_jpeg(jpeg.without_metadata(source), effort=PACKING_EFFORT)
        except JxlError:
            return None
        return Encoded(data, "libjxl, JPEG packed", is_lossless=True)


def decoded_jxl(data: bytes) -> NDArray[np.uint8]:
    """The (height, width, bands) pixels of a JPEG XL that this codec made, as stored, in their own profile."""
    try:
        pixels = _required().decode(data).pixels
    except JxlError as error:
        raise TaskFailure(TaskState.FAILED, "what the JPEG XL encoder wrote cannot be read") from error
    return pixels.astype(np.uint8, copy=False)


def jxl_backend() -> str:
    """Whether JPEG XL is read and written here, and how, in words for people: starts with `libjxl` or `none`."""
    library = libjxl()
    if library is None:
        return f"none: {_MISSING}"
    pixels = np.full((16, 16, 3), 128, np.uint8)
    try:
        encoded = JxlEncoder(Raster(pixels), _QUICK, is_screen_content=False).lossless()
        difference = decoded_jxl(encoded.data).astype(int) - pixels
    except TaskFailure as error:
        return f"none: {error}"
    if difference.any():
        return "none: what is written reads otherwise"
    return f"{library.version}; the self-test passed"


def _required() -> LibJxl:
    library = libjxl()
    if library is None:
        raise TaskFailure(TaskState.FAILED, _MISSING)
    return library


def _distance(quality: float) -> float:
    """Libjxl's JxlEncoderDistanceFromQuality, whose 100 would be lossless."""
    if quality >= 30:  # noqa: PLR2004 - libjxl's own bend
        return _LOWEST_DISTANCE + (100 - quality) * 0.09
    return min(53 / 3000 * quality * quality - 23 / 20 * quality + 25, _HIGHEST_DISTANCE)
