"""How a lossy encoder reaches what is needed: at a quality, by search to a size, by search to a score."""

from __future__ import annotations

from dataclasses import dataclass, field

from leanpix.engine.codecs.need import Criterion
from leanpix.engine.codecs.offers import Kind
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Made
from leanpix.engine.goals.fitting import largest_within
from leanpix.engine.goals.scoring import (
    ON_TILES,
    is_searched_on_sample,
    lowest_at,
    preview_score,
    sample_setting,
    score_on_tiles,
    trusted,
)

OUT_OF_TIME = "the time was used up before the score asked for was reached"


@dataclass(slots=True)
class Reach:
    """One encoder on its way to the need. The setting that a sample asks for is looked for once."""

    context: EncodeContext
    runs: EncoderRuns
    _sampled: list[float | None] = field(default_factory=list)

    def setting(self) -> float | None:
        """The setting that the need is likely to take, as far as it is known; None where there is none that will do."""
        encoder, target = self.runs.encoder, self.context.need.least.get(Criterion.SCORE)
        if target is None:
            return self._asked()
        if self.runs.done:
            return next(reversed(self.runs.done))
        if encoder.most_score < target:
            return None
        if is_searched_on_sample(self.context):
            return self._sample_setting(target)
        return self.runs.to_grid(trusted(encoder, target).parameter(target))

    def run(self) -> Made | None:
        """The encode that meets the need; None where this encoder has none."""
        need = self.context.need
        if need.max_bytes is not None:
            return self._within(need.max_bytes)
        if need.setting is not None:
            return self._at_quality(need.setting)
        return self._at_score(need.least[Criterion.SCORE])

    def nearest(self, is_out_of_time: bool) -> Made:
        """What comes nearest to a quality or a score that no encode meets, with a warning that says why it does not."""
        target = self.context.need.least.get(Criterion.SCORE)
        if target is None:
            return Made(Kind.LOSSY, self.runs.at(self._asked()), warnings=(OUT_OF_TIME,))
        done = self.runs.finest_done
        if done is not None and is_out_of_time:
            return Made(Kind.LOSSY, done, self.context.meter.score(done), warnings=(OUT_OF_TIME,))
        best = self.runs.at(self.runs.highest)
        score = self.context.meter.score(best)
        warning = f"the score {target:g} is out of this format's reach for this picture: {score:.1f} is its best"
        return Made(Kind.LOSSY, best, score, warnings=(warning,))

    def _within(self, max_bytes: int) -> Made | None:
        rates = self.runs.encoder.rates
        if not self.context.need.keeps_dimensions:
            # Below quality 1 fewer pixels look better.
            rates = rates.start_at(self.runs.to_grid(self.runs.encoder.param_for(1)))
        encoded = largest_within(self.runs, self.context.raster.total_pixels, max_bytes, rates)
        return None if encoded is None else Made(Kind.LOSSY, encoded)

    def _at_quality(self, asked: float) -> Made | None:
        """One encode; a palette has to reach a score as well, which its pixels tell before they are packed."""
        encoder = self.runs.encoder
        setting, least = self._asked(), encoder.least_score(asked)
        if least is None:
            return Made(Kind.LOSSY, self.runs.at(setting))
        if encoder.most_score < least:
            return None
        is_sampled = self.context.meter.is_sampled
        if is_sampled:
            score = score_on_tiles(self.context, self.runs, setting)
        else:
            score = preview_score(self.context.meter, self.runs, setting)
        if score < least:
            return None
        return Made(Kind.LOSSY, self.runs.at(setting), score, warnings=(ON_TILES,) if is_sampled else ())

    def _asked(self) -> float:
        """The setting of the quality that was asked for."""
        return self.runs.to_grid(self.runs.encoder.param_for(self.context.setting or 0))

    def _at_score(self, target: float) -> Made | None:
        if self.runs.encoder.most_score < target:
            return None
        start = None
        if is_searched_on_sample(self.context):
            start = self._sample_setting(target)
            if start is None:
                return None
        found = lowest_at(self.context, self.runs, target, start)
        return None if found is None else Made(Kind.LOSSY, found.encoded, found.score, warnings=found.warnings)

    def _sample_setting(self, target: float) -> float | None:
        if not self._sampled:
            self._sampled.append(sample_setting(self.context, self.runs, target))
        return self._sampled[0]
