"""JPEG: jpegli by a Butteraugli distance, mozjpeg where the rate is too low for jpegli."""

from __future__ import annotations

import math
from dataclasses import dataclass

import mozjpeg_lossless_optimization as mozjpeg_lossless

from leanpix.domain.formats import OutputFormat
from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.codecs.jpegli import Subsampling, distance_from_quality, encode_jpegli, jpegli_backend
from leanpix.engine.content import chroma_detail
from leanpix.engine.search import Axis

_LARGEST_DISTANCE = 25.0
_SMALLEST_DISTANCE = 0.05
_SHARP_CHROMA = 20.0
_NEVER = 101


@dataclass(frozen=True, slots=True)
class JpegEncoder:
    """jpegli over -log(distance): continuous, so a size or a score is met closely in few encodes."""

    raster: Raster
    effort: Effort
    subsampling: Subsampling

    @property
    def lossless_from(self) -> int:
        """No quality is a promise of being lossless."""
        return _NEVER

    @property
    def axis(self) -> Axis:
        """-log(distance); the slope was measured over photographs from distance 0.5 to 8."""
        return Axis(-math.log(_LARGEST_DISTANCE), -math.log(_SMALLEST_DISTANCE), start=-0.7, slope=0.62)

    def knob_for(self, quality: float) -> float:
        """The knob of a quality of 1 to 100."""
        return -math.log(max(_SMALLEST_DISTANCE, distance_from_quality(quality)))

    def encode(self, knob: float) -> Encoded:
        """One jpegli encode; progressive unless the picture is so large that its memory counts."""
        distance = math.exp(-knob)
        data = encode_jpegli(
            self.raster.pixels,
            distance=distance,
            subsampling=self.subsampling,
            icc_profile=self.raster.icc_profile,
        )
        return Encoded(data, f"jpegli {self.subsampling}{_path()}", distance=distance)

    def lossless(self, max_bytes: int) -> None:
        """Baseline JPEG has no lossless mode that viewers read."""
        del max_bytes


@dataclass(frozen=True, slots=True)
class JpegCodec:
    """The JPEG format."""

    format = OutputFormat.JPG

    def open(self, raster: Raster, effort: Effort) -> JpegEncoder:
        """Chroma keeps its full size where halving it would show: line art and saturated text."""
        sharp = not raster.is_gray and chroma_detail(raster.pixels) > _SHARP_CHROMA
        return JpegEncoder(raster, effort, "4:4:4" if sharp else "4:2:0")

    def repack(self, source: bytes, effort: Effort) -> Encoded | None:
        """Better entropy coding of the same coefficients; the ICC profile stays, all other metadata goes."""
        del effort  # 0.02 s/MP at most: never worth saving
        try:
            data = mozjpeg_lossless.optimize(source, mozjpeg_lossless.COPY_MARKERS.ICC)
        except ValueError:
            return None
        return Encoded(data, "mozjpeg lossless", is_lossless=True)


def _path() -> str:
    """The slower path to jpegli is worth naming."""
    return "" if jpegli_backend().startswith("native") else " (wheel)"
