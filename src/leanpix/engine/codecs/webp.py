"""WebP: lossy, lossless and animated, by libwebp inside libvips."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.formats import OutputFormat
from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.codecs.riff import without_metadata
from leanpix.engine.content import texture
from leanpix.engine.search import Axis

_METHOD = {Effort.FULL: 4, Effort.REDUCED: 2, Effort.MINIMAL: 2}
"""libwebp's method: 4 is within 3-7 % of the best at twice its speed; 2 keeps 64 MP inside the time limit."""

_NEVER = 101
_LOSSLESS_METHOD = {Effort.FULL: 4, Effort.REDUCED: 2, Effort.MINIMAL: 0}


@dataclass(frozen=True, slots=True)
class WebpEncoder:
    """libwebp over its whole-number quality of 0 to 100; alpha is never coded worse than 50."""

    raster: Raster
    effort: Effort
    is_graphic: bool

    @property
    def lossless_from(self) -> int:
        """No quality is a promise of being lossless."""
        return _NEVER

    @property
    def axis(self) -> Axis:
        """Libwebp's quality; it writes whole numbers only."""
        return Axis(0, 100, start=70, slope=0.025, step=1)

    def knob_for(self, quality: float) -> float:
        """The quality is libwebp's own."""
        return float(quality)

    def encode(self, knob: float) -> Encoded:
        """One lossy encode."""
        quality, method = int(knob), _METHOD[self.effort]
        data = self._save(Q=quality, effort=method, alpha_q=max(50, quality))
        return Encoded(data, f"libwebp (effort {method})", quality=quality)

    def lossless(self, max_bytes: int) -> Encoded | None:
        """Worth trying on graphics only: a photograph takes three to ten times as much."""
        if not self.is_graphic:
            return None
        method = _LOSSLESS_METHOD[self.effort]
        data = self._save(lossless=True, effort=method)
        return (
            Encoded(data, f"libwebp lossless (effort {method})", is_lossless=True) if len(data) <= max_bytes else None
        )

    def _save(self, **settings: object) -> bytes:
        data: bytes = self.raster.image().webpsave_buffer(keep=self.raster.keep, **settings)
        return data


@dataclass(frozen=True, slots=True)
class WebpCodec:
    """The WebP format."""

    format = OutputFormat.WEBP

    def open(self, raster: Raster, effort: Effort) -> WebpEncoder:
        """Graphics are recognised once, for the lossless try."""
        return WebpEncoder(raster, effort, texture(raster.pixels).is_graphic)

    def repack(self, source: bytes, effort: Effort) -> Encoded | None:
        """The source without its EXIF and XMP chunks."""
        del effort  # a copy costs nothing
        data = without_metadata(source)
        return Encoded(data, "source", is_lossless=True) if data else None
