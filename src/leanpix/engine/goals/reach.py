"""How a lossy encoder reaches what is needed: at a quality, by search to a size, by search to a score."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.codecs.need import AT_FINEST, Criterion, Verdict
from leanpix.engine.codecs.offers import Kind
from leanpix.engine.codecs.png.palette import PALETTE_GRID
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.goals.climb import Climb
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Attempt
from leanpix.engine.goals.fitting import largest_within
from leanpix.engine.goals.place_crops import PlaceCrops
from leanpix.engine.goals.scoring import (
    ON_TILES,
    has_palettes,
    is_fair,
    is_searched_on_sample,
    lowest_at,
    preview_places,
    sample_setting,
    seen_on_tiles,
    trusted,
)
from leanpix.engine.judging.worst_place import ALL_GROUND
from leanpix.engine.libraries.malloc_trim import trim_malloc

STILL_SEEN = "a place of it still looks worse than the quality asked for: see the report's worst place"
OUT_OF_TIME = "the time was used up before the score asked for was reached"


@dataclass(slots=True)
class Reach:
    """One encoder on its way to the need. The setting that a sample asks for is looked for once.

    risky: crops of a picture that is too large to be looked at whole; None: it is not, or nothing is at risk.
    refused: why a search ended at its first encode, whatever that scores. is_outdone: what meets the need takes more
    than the source's own file.
    """

    context: EncodeContext
    runs: EncoderRuns
    risky: PlaceCrops | None = None
    _sampled: list[float | None] = field(default_factory=list)
    refused: Verdict | None = None
    is_outdone: bool = False
    _climb: Climb | None = None
    _judged: dict[float, tuple[WorstPlace, ...]] = field(default_factory=dict)

    def begin_at(self, setting: float | None) -> None:
        """Search from a setting instead of what a sample asks for, if it is a sample that is searched first."""
        if setting is not None and is_searched_on_sample(self.context):
            self._sampled = [self.runs.to_grid(setting)]

    def foresee(self, places: tuple[WorstPlace, ...]) -> None:
        """Places of crops at the quality asked for, which say that the whole falls short: it is not looked at.

        Where all of it is ground, so that it is judged as its crops are.
        """
        if self.context.meter.ground_share > ALL_GROUND and not self.context.need.is_slight(places):
            self._judged[self.asked] = places

    def setting(self) -> float | None:
        """The setting that the need is likely to take, as far as it is known; None where there is none that will do."""
        encoder, target = self.runs.encoder, self.context.need.least.get(Criterion.SCORE)
        if target is None:
            return self.asked
        if self.runs.done:
            return next(reversed(self.runs.done))
        if encoder.most_score < target:
            return None
        if is_searched_on_sample(self.context):
            return self._sample_setting(target)
        return self.runs.to_grid(trusted(encoder, target).parameter(target))

    def run(self) -> Attempt | None:
        """The encode that meets the need; None where this encoder has none."""
        need = self.context.need
        if need.max_bytes is not None:
            return self._within(need.max_bytes)
        if need.setting is not None:
            attempt = self._at_quality(need.setting)
        else:
            attempt = self._at_score(need.least[Criterion.SCORE])
        return None if attempt is None else self._finer_where_it_shows(attempt)

    def nearest(self, is_out_of_time: bool) -> Attempt:
        """What comes nearest to a quality or a score that no encode meets, with a warning that says why it does not."""
        target = self.context.need.least.get(Criterion.SCORE)
        if target is None:
            return self._nearest_to_quality()
        done = self.runs.finest_done
        if done is not None and is_out_of_time:
            return Attempt(Kind.LOSSY, done, self.context.meter.score(done), warnings=(OUT_OF_TIME,))
        best = self.runs.at(self.runs.highest)
        score = self.context.meter.score(best)
        return Attempt(Kind.LOSSY, best, score, warnings=(_out_of_reach(target, score),))

    def _nearest_to_quality(self) -> Attempt:
        """The encode at the quality, or the one of those made whose worst place is the least bad."""
        if self.context.meter.is_sampled or self.context.need.room is None or not self.runs.done:
            return Attempt(Kind.LOSSY, self.runs.at(self.asked), warnings=(OUT_OF_TIME,))
        least_bad = None if self._climb is None else self._climb.least_bad_on_crops
        if least_bad is not None and self.runs.may_continue():
            self.runs.at(least_bad)
        worst = {setting: self.context.need.worst_of(self._places_at(setting)) for setting in self.runs.done}
        best = min(worst, key=lambda setting: (_ratio(worst[setting]), setting))
        return Attempt(Kind.LOSSY, self.runs.at(best), parameter=best, warnings=(STILL_SEEN,))

    def _within(self, max_bytes: int) -> Attempt | None:
        rates = self.runs.encoder.rates
        if not self.context.need.keeps_dimensions:
            # Below quality 1 fewer pixels look better.
            rates = rates.start_at(self.runs.to_grid(self.runs.encoder.param_for(1)))
        encoded = largest_within(self.runs, self.context.raster.total_pixels, max_bytes, rates)
        return None if encoded is None else Attempt(Kind.LOSSY, encoded)

    def _at_quality(self, asked: float) -> Attempt | None:
        """One encode; a palette has to reach a score as well, which its pixels tell before they are packed."""
        encoder = self.runs.encoder
        setting, least = self.asked, encoder.least_score(asked)
        if least is None:
            return self._by_crops(self.risky, setting) if self.risky else self._attempt_at(setting)
        if encoder.most_score < least:
            return None
        if self.context.meter.is_sampled:
            on_tiles, has_no_bad_place = seen_on_tiles(self.context, self.runs, setting)
            passes = on_tiles >= least and has_no_bad_place
            return Attempt(Kind.LOSSY, self.runs.at(setting), on_tiles, warnings=(ON_TILES,)) if passes else None

        # Before anything is packed: where these colours are too few and the largest palette is not, what suffices.
        steps = [quality for quality in PALETTE_GRID if quality > setting]
        score, highest = self._palette_score(setting, least), self.runs.highest
        if score is None and highest > setting and self.runs.may_continue():
            setting, score = highest, self._palette_score(highest, least)
            for between in steps if score is not None else ():
                if not self.runs.may_continue():
                    break
                found = self._palette_score(between, least)
                if found is not None:
                    setting, score = between, found
                    break
        if score is None:
            return None
        encoded = self.runs.at(setting)
        if setting in self._judged:
            self.context.meter.know(encoded, score, self._judged[setting])
        return Attempt(Kind.LOSSY, encoded, score, parameter=setting)

    def _attempt_at(self, setting: float, worst: WorstPlace | None = None, *warnings: str) -> Attempt:
        return Attempt(Kind.LOSSY, self.runs.at(setting), parameter=setting, warnings=warnings, worst=worst)

    def _by_crops(self, risky: PlaceCrops, setting: float) -> Attempt:
        """At the setting, or at about the cheapest finer one that crops of where it is likeliest to look bad pass."""
        setting, places, warnings = self._on_crops(risky, setting)
        trim_malloc()  # what it took to look at them is let go of before the whole is encoded
        return self._attempt_at(setting, self.context.need.worst_of(places), *warnings)

    def _on_crops(self, risky: PlaceCrops, setting: float) -> tuple[float, tuple[WorstPlace, ...], tuple[str, ...]]:
        """The setting to take, the crops' worst places there, and warnings."""
        trials = risky.trials(self.runs)
        if trials.passes(setting):
            return setting, trials.places(setting), ()
        failing = trials.that_fail(setting)
        found = Climb(self.context, self.runs, [failing]).on_crops_above(setting)
        if found is None:
            return setting, trials.places(setting), (STILL_SEEN,)
        return found, failing.places(found), ()

    def _palette_score(self, setting: float, least: float) -> float | None:
        """The score of a palette's pixels; None where it is too low, or where a place looks worse than slightly bad."""
        meter, need = self.context.meter, self.context.need
        pixels = self.runs.preview(setting)
        score = meter.score(self.runs.at(setting)) if pixels is None else meter.score_of(pixels)
        if score < least:
            return None
        if need.room is not None and meter.is_at_risk:
            places = meter.worst(self.runs.at(setting)) if pixels is None else meter.worst_of(pixels)
            self._judged[setting] = places
            if not is_fair(need, places):
                return None
        return score

    def _finer_where_it_shows(self, attempt: Attempt) -> Attempt | None:
        """At a finer setting where the worst place asks for it, and the encoder has no cheaper means.

        As it is where there is none; of palettes None.
        """
        need, meter, runs = self.context.need, self.context.meter, self.runs
        is_asked = need.room is not None and not meter.is_sampled
        if attempt.parameter is None or not is_asked or not meter.is_at_risk:
            return attempt
        places = self._places_at(attempt.parameter)
        worst = need.worst_of(places)
        if need.allows(worst) or any(mend.helps(worst) for mend in runs.encoder.mends()):
            return attempt
        if has_palettes(runs.encoder) and not need.is_slight(places):
            return self._more_colours(attempt.parameter, attempt.warnings)
        kept_bytes = self.context.cheaply_kept_bytes()
        self._climb = Climb(self.context, runs, most_bytes=math.inf if kept_bytes is None else kept_bytes)
        found = self._climb.above(attempt.parameter, places)
        if found is None and kept_bytes is not None and self._climb.is_outdone and not need.is_slight(places):
            self.is_outdone = True
            return None
        if found is None:
            return attempt if need.is_slight(places) else self._hardly_over(attempt, self._climb, places)
        return Attempt(Kind.LOSSY, runs.at(found), parameter=found, warnings=attempt.warnings)

    def _hardly_over(self, attempt: Attempt, climb: Climb, places: tuple[WorstPlace, ...]) -> Attempt:
        """Where no setting passes, one at which nobody sees it, if what is left is to be coded without loss.

        Not in the dark, where there is something between. Where there is none, the same as having no finer one.
        """
        finest = None
        is_dear = self.context.codec.has_near_lossless and not self.context.meter.is_dark
        if attempt.parameter is not None and is_dear:
            eased = self.context.need.eased()
            is_itself = eased.allows_all(places)
            finest = attempt.parameter if is_itself else climb.eased().above(attempt.parameter, places)
            finest = self._highest_hardly_over(climb) if finest is None else finest
        attempt = replace(attempt, has_no_finer=True)
        if finest is None:
            return attempt
        return replace(attempt, encoded=self.runs.at(finest), score=None, parameter=finest, is_finest=True)

    def _highest_hardly_over(self, climb: Climb) -> float | None:
        """The finest setting there is, where nobody sees what the format itself leaves of it; crops tell first."""
        eased, highest = self.context.need.eased(AT_FINEST), self.runs.highest
        if not climb.is_worth_it_on_crops(highest, eased) or not self.runs.may_continue():
            return None
        return highest if eased.allows_all(self._places_at(highest)) else None

    def _more_colours(self, setting: float, warnings: tuple[str, ...]) -> Attempt | None:
        """The fewest that suffice, by their pixels before they are packed, on the grid that a quality takes as well."""
        highest = self.runs.highest
        finer = [*(quality for quality in PALETTE_GRID if setting < quality < highest), highest]
        low, high = 0, len(finer) - 1
        if highest <= setting or not is_fair(self.context.need, self._places_at(finer[high])):
            return None
        while low < high and self.runs.may_continue():
            middle = (low + high) // 2
            if is_fair(self.context.need, self._places_at(finer[middle])):
                high = middle
            else:
                low = middle + 1
        found = finer[high]
        return Attempt(Kind.LOSSY, self.runs.at(found), parameter=found, warnings=warnings)

    def _places_at(self, setting: float) -> tuple[WorstPlace, ...]:
        if setting in self._judged:
            return self._judged[setting]
        return preview_places(self.context.meter, self.runs, setting)

    @property
    def asked(self) -> float:
        """The setting of the quality that was asked for."""
        return self.runs.to_grid(self.runs.encoder.param_for(self.context.setting or 0))

    def _at_score(self, target: float) -> Attempt | None:
        if self.runs.encoder.most_score < target:
            return None
        start = None
        if is_searched_on_sample(self.context):
            start = self._sample_setting(target)
            if start is None:
                return None
        elif (hopeless := self._hopeless_at(target)) is not None:
            return hopeless
        found = lowest_at(self.context, self.runs, target, start)
        if found is None:
            return self._close_copy(target)
        return Attempt(Kind.LOSSY, found.encoded, found.score, parameter=found.parameter, warnings=found.warnings)

    def _close_copy(self, target: float) -> Attempt | None:
        """The finest encode, where it nearly has a score that is only aimed at for what the source had lost before."""
        highest, need, meter = self.runs.highest, self.context.need, self.context.meter
        if not need.spared or meter.is_sampled or highest not in self.runs.done or has_palettes(self.runs.encoder):
            return None
        score = meter.score(self.runs.at(highest))
        if score < target - need.spared:
            return None
        warnings = (_out_of_reach(target, score),)
        return Attempt(Kind.LOSSY, self.runs.at(highest), score, parameter=highest, warnings=warnings, is_finest=True)

    def _hopeless_at(self, target: float) -> Attempt | None:
        """The first encode of a dear search, where a place of it is bad and crops say that it is at the finest, too.

        None: it is not, or the search costs little more than that encode.
        """
        need, meter, runs = self.context.need, self.context.meter, self.runs
        if not runs.encoder.slower_presets() or need.room is None or meter.is_sampled or not meter.is_at_risk:
            return None
        setting = runs.to_grid(trusted(runs.encoder, target).parameter(target))
        places = self._places_at(setting)
        worst = need.worst_of(places)
        if is_fair(need, places) or any(mend.helps(worst) for mend in runs.encoder.mends()):
            return None
        crops = PlaceCrops.round(self.context, places)
        if crops is None:
            return None
        trials = crops.trials(runs)
        if any(trials.passes(one) or trials.is_slight(one) for one in (setting, runs.highest)):
            return None
        eased = need.eased(AT_FINEST)
        if not meter.is_dark and eased.allows_all(trials.places(runs.highest)):
            return None
        self.refused = Verdict(passes=False, worst=worst, places=places)
        return Attempt(Kind.LOSSY, runs.at(setting))  # without a setting, for no finer one is to be looked for

    def _sample_setting(self, target: float) -> float | None:
        if not self._sampled:
            self._sampled.append(sample_setting(self.context, self.runs, target))
        return self._sampled[0]


def _out_of_reach(target: float, best_score: float) -> str:
    return f"the score {target:g} is out of this format's reach for this picture: {best_score:.1f} is its best"


def _ratio(place: WorstPlace | None) -> float:
    return 0.0 if place is None else place.ratio
