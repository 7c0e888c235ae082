"""WebP: lossy, lossless and animated, by libwebp inside libvips."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from leanpix.domain.formats import OutputFormat
from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Encoded, Goal, Raster
from leanpix.engine.codecs.riff import without_metadata
from leanpix.engine.content import texture
from leanpix.engine.search import Curve

_METHOD = {Effort.FULL: 4, Effort.REDUCED: 2, Effort.MINIMAL: 2}
"""libwebp's method: 4 is within 3-7 % of the best at twice its speed; 2 keeps 64 MP inside the time limit."""

_NEVER = 101
_BEST_METHOD = 6
_HALF_STEPS_UP_TO_PIXELS = 8_000_000
_LOWEST_ALPHA_QUALITY = 50
_LOSSLESS_METHOD = {Effort.FULL: 4, Effort.REDUCED: 2, Effort.MINIMAL: 0}


# Medians over six Kodak photographs at effort 4: log(bits per pixel) and score at libwebp's quality.
_RATES = Curve((
    (0, -2.04), (5, -1.2), (10, -0.97), (20, -0.65), (30, -0.42), (40, -0.21), (50, -0.06), (60, 0.06), (70, 0.19),
    (75, 0.25), (80, 0.43), (85, 0.64), (90, 0.9), (95, 1.23), (100, 1.47),
))  # fmt: skip
_SCORES = Curve((
    (0, -29.5), (5, 16.2), (10, 25.6), (20, 39.9), (30, 49), (40, 56.5), (50, 61.6), (60, 65.5), (70, 69.6),
    (75, 71.3), (80, 76), (85, 80.4), (90, 85), (95, 89), (100, 90.9),
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class WebpEncoder:
    """Knob: libwebp's quality of 0 to 100. Alpha is never coded worse than 50.

    libwebp knows whole numbers only, and on smooth pictures one step is up to a tenth of the bytes. Half a step
    stands for the next whole number at method 6, three quarters for it at method 5: 4-5 % and 2-3 % under it.
    """

    raster: Raster
    effort: Effort
    is_graphic: bool
    lossless_from = _NEVER
    rates = _RATES
    scores = _SCORES

    def on(self, raster: Raster) -> WebpEncoder:
        """The same choices for another raster of the same picture."""
        return replace(self, raster=raster)

    def finest(self) -> WebpEncoder:
        """Nothing else was traded."""
        return self

    def knob_for(self, quality: float) -> float:
        """The quality is libwebp's own."""
        return quality

    def least_score(self, quality: float) -> None:
        """A WebP passes for what it was encoded at."""
        del quality

    def snap(self, knob: float) -> float:
        """Libwebp's steps are whole numbers."""
        return float(round(knob))

    def finer(self, knob: float) -> tuple[float, ...]:
        """A half below a whole number, a half and three quarters above it, where the picture is small enough."""
        if self.effort is not Effort.FULL or self.raster.total_pixels > _HALF_STEPS_UP_TO_PIXELS:
            return ()
        return tuple(half for half in (knob - 0.5, knob + 0.5, knob + 0.75) if 0 < half < 100)  # noqa: PLR2004 - libwebp's range

    def encode(self, knob: float) -> Encoded:
        """One lossy encode."""
        quality = math.ceil(knob)
        method = _METHOD[self.effort] + math.ceil(2 * (quality - knob) + 0.5) * (knob != quality)
        data = self._save(Q=quality, effort=method, alpha_q=max(_LOWEST_ALPHA_QUALITY, quality))
        return Encoded(data, f"libwebp (effort {method})", quality=quality)

    def lossless(self) -> Encoded:
        """Every pixel kept, those under full transparency excepted."""
        method = _LOSSLESS_METHOD[self.effort]
        return Encoded(
            self._save(lossless=True, effort=method), f"libwebp lossless (effort {method})", is_lossless=True
        )

    def _save(self, **settings: object) -> bytes:
        data: bytes = self.raster.image().webpsave_buffer(keep=self.raster.keep, **settings)
        return data


@dataclass(frozen=True, slots=True)
class WebpCodec:
    """The WebP format."""

    format = OutputFormat.WEBP

    def open(self, raster: Raster, effort: Effort, goal: Goal) -> WebpEncoder:
        """Graphics are recognised once, for the lossless try: a photograph takes three to ten times as much."""
        del goal
        return WebpEncoder(raster, effort, texture(raster.pixels).is_graphic)

    def repack(self, source: bytes, effort: Effort) -> Encoded | None:
        """The source without its EXIF and XMP chunks."""
        del effort  # a copy costs nothing
        data = without_metadata(source)
        return Encoded(data, "source", is_lossless=True) if data else None
