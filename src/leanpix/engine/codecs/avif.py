"""AVIF, by libaom inside libvips' libheif; read back, to be scored, by dav1d inside Pillow.

8 bits a sample, still pictures only. Speed follows the pixels: AV1 takes many times what the other formats do.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import AvifImagePlugin

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.states import TaskState
from leanpix.domain.worst_place import Measure
from leanpix.engine.budget import Effort
from leanpix.engine.codecs import priors
from leanpix.engine.codecs.base import Encoded, Goal, Mend, Raster
from leanpix.engine.codecs.item_boxes import without_metadata
from leanpix.engine.codecs.offers import Facts, Offer, SourceSize, lossless, lossy, repacked_source
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.content.samples import is_colourful, texture
from leanpix.engine.reading.loaders.pillow import pixels_of

_SLOW_UP_TO_PIXELS, _MEDIUM_UP_TO_PIXELS = 1_500_000, 12_000_000
_SLOW, _MEDIUM, _FAST = 3, 1, 0
"""libvips' effort: 0.8, 0.3 and 0.1 CPU seconds a megapixel; the medium one takes 6 % more bytes at a score."""

_SLOWER, _SLOWER_UP_TO_PIXELS = 4, 100_000
"""The effort of a search's last tries, up to where one of them takes a second: 3 to 5 % fewer bytes at a score, in four
times the time (docs/decisions/0368)."""

_NEVER = 101
_LOWEST, _HIGHEST = 1, 100

# Medians over five Kodak photographs: log(bits per pixel) and score at libheif's quality.
_SLOW_RATES = PriorCurve((
    (1, -2.85), (5, -2.785), (10, -2.481), (20, -2.051), (30, -1.584), (40, -1.146), (50, -0.716), (60, -0.332),
    (70, -0.002), (80, 0.318), (90, 0.772), (95, 1.111), (100, 1.679),
))  # fmt: skip
_SLOW_SCORES = PriorCurve((
    (1, -18.2), (5, -10.8), (10, 3.1), (20, 22.6), (30, 38.4), (40, 53.8), (50, 66.5), (60, 74.4), (70, 79.4),
    (80, 84.3), (90, 88.2), (95, 90.4), (100, 93.8),
))  # fmt: skip
_RATES = PriorCurve((
    (1, -2.701), (5, -2.632), (10, -2.366), (20, -1.931), (30, -1.505), (40, -1.118), (50, -0.682), (60,
    -0.313), (70, 0.013), (80, 0.331), (90, 0.777), (95, 1.1), (100, 1.699),
))  # fmt: skip
_SCORES = PriorCurve((
    (1, -25.9), (5, -18.8), (10, -3.5), (20, 17.2), (30, 33.7), (40, 51.4), (50, 65.4), (60, 73.6), (70, 79),
    (80, 84.1), (90, 88.1), (95, 90.2), (100, 93.8),
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class AvifEncoder:
    """Parameter: libheif's quality of 1 to 100 in whole numbers, which stand for libaom's 64 quantizers.

    ends_slower: whether a search ends with tries at the next speed.
    """

    raster: Raster
    speed_class: int
    is_screen_content: bool
    is_colourful: bool
    ends_slower: bool = False
    lossless_from = _NEVER
    most_score = 100.0

    @property
    def rates(self) -> PriorCurve:
        """Typical log(bits per pixel) along the parameter."""
        return _SLOW_RATES if self.speed_class >= _SLOW else _RATES

    @property
    def scores(self) -> PriorCurve:
        """Typical score along the parameter."""
        return _SLOW_SCORES if self.speed_class >= _SLOW else _SCORES

    def on(self, raster: Raster) -> AvifEncoder:
        """The same choices, the speed included, for another raster of the same picture."""
        return replace(self, raster=raster)

    def mends(self) -> tuple[Mend, ...]:
        """Chroma at its full size."""
        has_all = self.is_colourful or self.raster.is_gray
        return () if has_all else (Mend("whole chroma", replace(self, is_colourful=True)),)

    def param_for(self, quality: float) -> float:
        """The quality is libheif's own."""
        return quality

    def least_score(self, quality: float) -> None:
        """An AVIF passes for what it was encoded at."""
        del quality

    def preview(self, parameter: float) -> None:
        """Its pixels take an encode."""
        del parameter

    def to_grid(self, parameter: float) -> float:
        """Whole numbers."""
        return float(min(max(round(parameter), _LOWEST), _HIGHEST))

    def slower_presets(self) -> tuple[AvifEncoder, ...]:
        """The next speed, of small pictures."""
        return (replace(self, speed_class=_SLOWER, ends_slower=False),) if self.ends_slower else ()

    def encode(self, parameter: float) -> Encoded:
        """One lossy encode."""
        chroma = "off" if self.is_colourful else "on"
        data = self._save(Q=round(parameter), subsample_mode=chroma)
        return Encoded(data, f"libaom (speed {_speed(self.speed_class)})", quality=parameter)

    def lossless(self) -> Encoded:
        """Every pixel kept."""
        data = self._save(lossless=True)
        return Encoded(data, f"libaom lossless (speed {_speed(self.speed_class)})", is_lossless=True)

    def _save(self, **settings: object) -> bytes:
        image, keep = self.raster.image(), self.raster.keep
        try:
            data: bytes = image.heifsave_buffer(
                compression="av1", bitdepth=8, effort=self.speed_class, keep=keep, **settings
            )
        except pyvips.Error as error:
            raise TaskFailure(TaskState.FAILED, "the AVIF encoder failed") from error
        return data


@dataclass(frozen=True, slots=True)
class AvifCodec:
    """The AVIF format."""

    format = OutputFormat.AVIF
    takes_file_of = frozenset({SourceFormat.AVIF})
    has_near_lossless = False
    counts_repacking = False
    unmendable = frozenset[Measure]()

    def open(self, raster: Raster, effort: Effort, goal: Goal) -> AvifEncoder:
        """How fast is chosen by the pixels, and how chroma is coded by how much of it there is."""
        speed_class, pixels = _speed_class(raster, effort), raster.pixels
        is_small = speed_class == _SLOW and raster.total_pixels <= _SLOWER_UP_TO_PIXELS
        return AvifEncoder(
            *(raster, speed_class, texture(pixels).is_screen_content, effort is Effort.FULL and is_colourful(pixels)),
            ends_slower=is_small and goal.bits_per_pixel is None,
        )

    def promised_score(self, raster: Raster, quality: float) -> None:
        """Nothing."""
        del raster, quality

    def source_size(self, source: bytes) -> SourceSize:
        """The file without metadata."""
        return SourceSize(len(self.stripped(source)))

    def offers(self, facts: Facts) -> Iterator[Offer]:
        """The source without its metadata, an encode, and every pixel kept."""
        yield from repacked_source(priors.AVIF_SOURCE, facts)
        yield from lossy("lossy", priors.AVIF_LOSSY, facts)
        yield from lossless(priors.SCREEN_CONTENT, priors.PHOTOGRAPH, facts)

    def without_profile(self, source: bytes) -> bytes:
        """An AVIF's colours are properties of its picture, which stay."""
        return source

    def stripped(self, source: bytes) -> bytes:
        """The source without EXIF, XMP and what else its picture does not need."""
        return without_metadata(source) or source

    def repack(
        self, source: bytes, effort: Effort, most_cpu_s: float = math.inf, most_bytes: int | None = None
    ) -> Encoded | None:
        """The same; None where its items lie in ways that are not taken apart here."""
        del effort, most_cpu_s, most_bytes
        data = without_metadata(source)
        return Encoded(data, "source", is_lossless=True) if data else None


def decoded_avif(data: bytes) -> NDArray[np.uint8]:
    """The (height, width, 3 or 4) pixels of an AVIF that this codec made, or took over."""
    # Its own number would be one a core: memory for their stacks is what a child has too little of.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    with AvifImagePlugin.AvifImageFile(io.BytesIO(data)) as opened:
        return pixels_of(opened, "RGBA" if opened.mode == "RGBA" else "RGB")


def avif_backend() -> str:
    """Whether AVIF can be written here, and how, in words for people: starts with `libvips` or `none`."""
    pixels = np.full((16, 16, 3), 128, np.uint8)
    try:
        encoded = AvifEncoder(Raster(pixels), _SLOW, is_screen_content=False, is_colourful=False).lossless()
        difference = decoded_avif(encoded.data).astype(int) - pixels
    except (TaskFailure, OSError, SyntaxError) as error:
        return f"none: {error}"
    return "none: what is written reads otherwise" if difference.any() else "libvips: libaom; the self-test passed"


def _speed_class(raster: Raster, effort: Effort) -> int:
    if effort is not Effort.FULL or raster.total_pixels > _MEDIUM_UP_TO_PIXELS:
        return _FAST
    return _SLOW if raster.total_pixels <= _SLOW_UP_TO_PIXELS else _MEDIUM


def _speed(speed_class: int) -> int:
    """What libaom is told."""
    return 9 - speed_class
