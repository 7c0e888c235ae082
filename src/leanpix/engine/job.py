"""One compression under way: what is to be made, from which pixels, and what the source's own file offers."""

from __future__ import annotations

from dataclasses import dataclass, field

from leanpix.domain.request import CompressionOptions
from leanpix.engine.budget import Budget, Effort
from leanpix.engine.codecs.base import Codec, Encoded, Raster
from leanpix.engine.picture import Picture
from leanpix.engine.plan import keeps_dimensions, may_keep_file, may_race_file


@dataclass(slots=True)
class Job:
    """The frozen facts of a compression, and the source's own file repacked at most once."""

    source: bytes
    options: CompressionOptions
    picture: Picture
    raster: Raster
    codec: Codec
    effort: Effort
    budget: Budget
    _kept: list[Encoded | None] = field(default_factory=list)

    @property
    def keeps_format_and_dimensions(self) -> bool:
        """Whether the result must not be larger than the source."""
        return self.picture.probe.format.same_output is self.codec.format and keeps_dimensions(self.picture)

    def kept_file(self) -> Encoded | None:
        """The source's own file without metadata, where it shows the same picture; made when first asked for."""
        if not may_keep_file(self.picture, self.codec.format):
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

    def highest_quality(self, asked: float) -> float:
        """No quality above the source's own: it would only spend bytes on the source's own faults."""
        own = self.picture.probe.quality
        return min(asked, own) if own is not None and keeps_dimensions(self.picture) else asked

    def _repacked(self) -> Encoded | None:
        repacked = self.codec.repack(self.source, self.effort)
        return repacked if repacked is None or len(repacked.data) <= len(self.source) else None
