"""One compression under way: what is to be made, from which pixels, and what the source's own file offers."""

from __future__ import annotations

from dataclasses import dataclass, field

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.budget import Budget, Effort
from leanpix.engine.codecs.base import Codec, Encoded, Goal, Raster
from leanpix.engine.goals.outcome import EncoderRuns
from leanpix.engine.goals.plan import keeps_dimensions, may_keep_file, may_race_file
from leanpix.engine.judging.meter import QualityMeter
from leanpix.engine.reading.headers import jpeg
from leanpix.engine.reading.picture import Picture

_LOSSLESS_GAIN = 0.5
"""Lossless packing hardly ever halves a file that was packed before, be it quickly: below this share of the source's
bytes, or of a small source's packed quickly, it is not tried."""

_JPEG_GAIN = 0.75
"""A JPEG's own share: what is left of its picture by better entropy coding was 0.79 to 0.99 over the test corpus."""

_CHEAP_PIXELS = 2_000_000


@dataclass(slots=True)
class EncodeContext:
    """The frozen facts of a compression, and what is made at most once: the repacked file, the judge."""

    source: bytes
    options: CompressionOptions
    picture: Picture
    raster: Raster
    codec: Codec
    effort: Effort
    budget: Budget
    judge: QualityMeter = field(init=False)
    _kept: list[Encoded | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.judge = QualityMeter(self.raster)

    def open(self, raster: Raster, *, bits_per_pixel: float | None = None) -> EncoderRuns:
        """Encoder runs on this job's raster or on another size of it."""
        options = self.options
        if options.max_bytes is not None and bits_per_pixel is None:
            bits_per_pixel = options.max_bytes * 8 / raster.total_pixels
        left_s, held = self.budget.left_s(), self.raster.total_pixels
        goal = Goal(options.quality, bits_per_pixel, options.target_score, left_s, self._left_s, held)
        return EncoderRuns(self.codec.open(raster, self.effort, goal), self.budget)

    def _left_s(self) -> float:
        """For this format: of those that are tried by turns none takes the time of all."""
        others_s = self.budget.limit_s / 2 if len(self.options.alternatives) > 1 else 0
        return self.budget.left_s() - others_s

    @property
    def keeps_format_and_dimensions(self) -> bool:
        """Whether the result must not be larger than the source."""
        return self.picture.probe.format.same_output is self.codec.format and keeps_dimensions(self.picture)

    def kept_file(self) -> Encoded | None:
        """The source's own file without metadata, where it shows the same picture; made when first asked for."""
        is_laid_on_colour = self.options.background is not None and self.picture.probe.has_alpha
        if is_laid_on_colour or not may_keep_file(self.picture, self.codec.format):
            return None
        if not self._kept:
            self._kept.append(self._repacked())
        return self._kept[0]

    @property
    def known_file(self) -> Encoded | None:
        """The kept file, if anybody has asked for it."""
        return self._kept[0] if self._kept else None

    def racing_file(self) -> Encoded | None:
        """The kept file where it has the result's very pixels, so that it meets any quality asked for."""
        return self.kept_file() if may_race_file(self.picture) else None

    def repack_can_fit(self, max_bytes: int) -> bool:
        """Whether repacking the source without loss has a chance to come to so few bytes."""
        if self._kept:
            return True
        target, own = self.codec.format, self.picture.probe.format.same_output
        if target is OutputFormat.JPG and own is OutputFormat.JPG:
            return max_bytes >= _JPEG_GAIN * jpeg.picture_bytes(self.source)
        # A PNG may have been packed badly, or not at all.
        if max_bytes >= _LOSSLESS_GAIN * len(self.source):
            return True
        if self.raster.total_pixels > _CHEAP_PIXELS or target is OutputFormat.JPG:
            return False
        packs_again = target is OutputFormat.PNG and self.keeps_format_and_dimensions
        quick = self.codec.repack(self.source, Effort.MINIMAL) if packs_again else None
        return quick is None or max_bytes >= _LOSSLESS_GAIN * len(quick.data)

    def highest_quality(self, asked: float) -> float:
        """No quality above the source's own: it would only spend bytes on the source's own faults."""
        own = self.picture.probe.quality
        return min(asked, own) if own is not None and keeps_dimensions(self.picture) else asked

    def _repacked(self) -> Encoded | None:
        repacked = self.codec.repack(self.source, self.effort)
        return repacked if repacked is None or len(repacked.data) <= len(self.source) else None
