"""A dearer estimate: a picture's lossless and lossy encodes on strips of it, before either is made of the whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from leanpix.engine.budget import Effort
from leanpix.engine.codecs.offers import Basis, Estimate, Kind
from leanpix.engine.codecs.priors import STRIPS_ERROR, STRIPS_ERROR_TO_SIZE
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.content.samples import sample_strips
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.libraries.malloc_trim import trim_malloc

_RESERVE = 1.5
"""How much longer the whole may take than its strips say."""


@dataclass(slots=True)
class Strips:
    """What strips say, made when first asked for. setting: of the lossy encode; None: there will be none.

    lossless_ratio: how many times the lossy encode's bytes the lossless one takes; None: not known.
    """

    context: EncodeContext
    runs: EncoderRuns
    setting: Callable[[], float | None]
    lossless_ratio: float | None = None
    _estimates: dict[Kind, Estimate] = field(default_factory=dict)

    def lossless(self) -> Estimate:
        """Of every pixel kept."""
        return self._measured()[Kind.LOSSLESS]

    def lossy(self) -> Estimate:
        """Of the lossy encode; its bytes are only looked at where a size does not make them."""
        return self._measured()[Kind.LOSSY]

    def _measured(self) -> dict[Kind, Estimate]:
        if not self._estimates:
            self._measure()
        return self._estimates

    def _measure(self) -> None:
        raster, max_bytes = self.context.raster, self.context.need.max_bytes
        setting = self.setting() if max_bytes is None else None
        sample = replace(raster, pixels=sample_strips(raster.pixels))
        scale = raster.total_pixels / sample.total_pixels
        strips = self.runs.fork(self.runs.encoder.on(sample))

        began_s = self.context.budget.spent_s()
        encoded = strips.lossless()
        lossless_s = (self.context.budget.spent_s() - began_s) * scale * _RESERVE
        lossless = math.inf if encoded is None else len(encoded.data) * scale

        if max_bytes is not None or setting is None:
            least = lossless / STRIPS_ERROR_TO_SIZE if max_bytes is not None else 0
            self._estimates[Kind.LOSSLESS] = Estimate(least, lossless, lossless_s, basis=Basis.SAMPLE)
            self._estimates[Kind.LOSSY] = Estimate(0, max_bytes or math.inf)
        else:
            lossy = len(strips.at(setting).data) * scale
            self.lossless_ratio = lossless / lossy
            self._estimates[Kind.LOSSLESS] = Estimate(0, lossless, lossless_s, basis=Basis.SAMPLE)
            self._estimates[Kind.LOSSY] = Estimate(0, lossy, strips.slowest_s * scale * _RESERVE, basis=Basis.SAMPLE)
        self.runs.add_counts(strips)
        if self.context.effort is not Effort.FULL:
            trim_malloc()

    def lossless_given(self, lossy_bytes: int, estimate: Estimate) -> Estimate:
        """Of every pixel kept, once the lossy encode was made."""
        ratio = self.lossless_ratio
        if ratio is None:
            return estimate
        likely = ratio * lossy_bytes
        return replace(estimate, least_bytes=likely / STRIPS_ERROR, likely_bytes=likely)

    def lossy_given(self, lossless_bytes: int, estimate: Estimate) -> Estimate:
        """Of the lossy encode, once every pixel was kept."""
        if not self.lossless_ratio:
            return estimate
        likely = lossless_bytes / self.lossless_ratio
        return replace(estimate, least_bytes=likely / STRIPS_ERROR, likely_bytes=likely)
