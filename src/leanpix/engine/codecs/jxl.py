"""JPEG XL, by libjxl inside the wheel of imagecodecs: there where the extra `leanpix[jxl]` is installed.

8 bits a sample, still pictures, sRGB: this way in takes no colour profile, so wide-gamut pictures are converted.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Measure
from leanpix.domain.states import TaskState
from leanpix.engine.budget import Effort
from leanpix.engine.codecs import priors
from leanpix.engine.codecs.base import Encoded, Goal, Mend, Raster
from leanpix.engine.codecs.offers import Facts, Offer, SourceSize, lossless, lossy
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.content import texture

_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_MISSING = "JPEG XL is not written here: the extra leanpix[jxl] is not installed"

_QUICK, _USUAL = 3, 5
"""libjxl's effort: 0.05 and 0.19 CPU seconds a megapixel. The quick one's bytes have gaps of 12 to 35 %."""

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
_RATES = {_QUICK: _QUICK_RATES, _USUAL: _USUAL_RATES}
_SCORES = {_QUICK: _QUICK_SCORES, _USUAL: _USUAL_SCORES}


@dataclass(frozen=True, slots=True)
class JxlEncoder:
    """Parameter: minus the logarithm of libjxl's distance."""

    raster: Raster
    effort: int
    is_screen_content: bool
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
        """Effort 7 takes 1 % fewer bytes for twice the time."""
        return ()

    def encode(self, parameter: float) -> Encoded:
        """One lossy encode."""
        distance = math.exp(-parameter)
        data = self._save(self.effort, distance=distance, lossless=False)
        return Encoded(data, f"libjxl (effort {self.effort})", distance=distance)

    def lossless(self) -> Encoded:
        """Every pixel kept."""
        is_small = self.raster.total_pixels <= _LOSSLESS_UP_TO_PIXELS
        effort = self.effort if is_small else _QUICK  # 0.6 and 0.15 CPU seconds a megapixel
        return Encoded(self._save(effort, lossless=True), f"libjxl lossless (effort {effort})", is_lossless=True)

    def _save(self, effort: int, **settings: float) -> bytes:
        library, pixels = _required(), self.raster.pixels
        gray = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
        try:
            return bytes(library.jpegxl_encode(gray, effort=effort, numthreads=1, usecontainer=True, **settings))
        except RuntimeError as error:
            raise TaskFailure(TaskState.FAILED, "the JPEG XL encoder failed") from error


@dataclass(frozen=True, slots=True)
class JxlCodec:
    """The JPEG XL format."""

    format = OutputFormat.JXL
    has_near_lossless = False
    unmendable = frozenset[Measure]()

    def open(self, raster: Raster, effort: Effort, goal: Goal) -> JxlEncoder:
        """How hard it tries is chosen by the pixels and the time."""
        del goal
        _required()
        has_time = effort is Effort.FULL and raster.total_pixels <= _USUAL_UP_TO_PIXELS
        return JxlEncoder(raster, _USUAL if has_time else _QUICK, texture(raster.pixels).is_screen_content)

    def source_size(self, source: bytes) -> SourceSize:
        """JPEG XL is not read."""
        return SourceSize(len(source))

    def offers(self, facts: Facts) -> Iterator[Offer]:
        """An encode, and every pixel kept."""
        yield from lossy("lossy", priors.JXL_LOSSY, facts)
        yield from lossless(priors.SCREEN_CONTENT, priors.PHOTOGRAPH, facts)

    def without_profile(self, source: bytes) -> bytes:
        """No source is of this format."""
        return source

    def stripped(self, source: bytes) -> bytes:
        """No source is of this format."""
        return source

    def repack(self, source: bytes, effort: Effort) -> None:
        """JPEG XL is not read: there is no source to repack."""
        del source, effort


def is_jxl(data: bytes) -> bool:
    """Whether the bytes begin as this codec's do."""
    return data.startswith(_SIGNATURE)


def decoded_jxl(data: bytes) -> NDArray[np.uint8]:
    """The (height, width, bands) pixels of a JPEG XL that this codec made; nobody else's is ever decoded."""
    pixels: NDArray[np.uint8] = np.ascontiguousarray(_required().jpegxl_decode(data, numthreads=1))
    return pixels[:, :, np.newaxis] if pixels.ndim == len(("rows", "columns")) else pixels


def jxl_backend() -> str:
    """Whether JPEG XL can be written here, and how, in words for people: starts with `imagecodecs` or `none`."""
    library = _library()
    if library is None:
        return f"none: {_MISSING}"
    pixels = np.full((16, 16, 3), 128, np.uint8)
    try:
        encoded = JxlEncoder(Raster(pixels), _QUICK, is_screen_content=False).lossless()
        difference = decoded_jxl(encoded.data).astype(int) - pixels
    except (TaskFailure, RuntimeError) as error:
        return f"none: {error}"
    if difference.any():
        return "none: what is written reads otherwise"
    return f"imagecodecs: {library.jpegxl_version()}; the self-test passed"


@functools.cache
def _library() -> ModuleType | None:
    """Imagecodecs with its libjxl loaded, once a process: a locked child could not load it any more."""
    try:
        import imagecodecs  # noqa: PLC0415 - an extra, which most installations do without

        imagecodecs.jpegxl_encode  # noqa: B018 - each codec is loaded when it is first named
        imagecodecs.jpegxl_decode  # noqa: B018 - the same
    except ImportError:
        return None
    return imagecodecs if imagecodecs.JPEGXL.available else None


def _required() -> ModuleType:
    library = _library()
    if library is None:
        raise TaskFailure(TaskState.FAILED, _MISSING)
    return library


def _distance(quality: float) -> float:
    """Libjxl's JxlEncoderDistanceFromQuality, whose 100 would be lossless."""
    if quality >= 30:  # noqa: PLR2004 - libjxl's own bend
        return _LOWEST_DISTANCE + (100 - quality) * 0.09
    return min(53 / 3000 * quality * quality - 23 / 20 * quality + 25, _HIGHEST_DISTANCE)
