"""From a setting at which a place of a picture looks bad to the cheapest finer one at which none does."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.codecs.need import Need
from leanpix.engine.codecs.priors import SLIGHT_GROWTH
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.place_crops import CropTrials, PlaceCrops
from leanpix.engine.goals.scoring import is_fair, preview_places

_STEPS = (2.0, 5.0, 9.0, 14.0, 20.0, 100.0)
"""Points of typical score above the setting that was too coarse."""

_HALVINGS, _MOST_HALVINGS = 3, 6
"""How often what lies between a setting that fails and one that passes is halved, and how often while the second takes
_DEAR_STEP times the bytes."""

_DEAR_STEP, _NEAR, _PARTS = 1.8, 1.3, 3
"""How many times the bytes of a setting that failed one takes that passes, and how many times what it may have is at
most the worst place of the first, for something cheaper to be looked for round it; and into how many parts what lies
to both sides of it is divided (docs/decisions/0332)."""

_DEAR_LOSSLESS = 2.0
"""How many times the finest setting's bytes crops take without loss, for that to be dear (docs/decisions/0358)."""

_FORETOLD_TO = 1.1
"""What a setting takes is foretold to so much, as a factor."""


@dataclass(slots=True)
class Climb:
    """One encoder's settings by their worst places. What crops round the places say no to is not encoded whole.

    most_bytes: what a finer setting is worth. is_outdone: what passes takes more than that, as far as can be told.
    """

    context: EncodeContext
    runs: EncoderRuns
    _trials: list[CropTrials] = field(default_factory=list)
    _tried: dict[float, float] = field(default_factory=dict)
    most_bytes: float = math.inf
    is_eased: bool = False
    is_outdone: bool = False

    @property
    def need(self) -> Need:
        """What a setting has to meet: of the eased climb with what may be hardly over its bound."""
        return self.context.need.eased() if self.is_eased else self.context.need

    def eased(self) -> Climb:
        """The same for what may be hardly over its bound."""
        return Climb(self.context, self.runs, is_eased=True)

    def above(self, setting: float, places: tuple[WorstPlace, ...]) -> float | None:
        """The cheapest finer setting found that passes; or one that falls short slightly, where what passes costs more.

        places: those of the setting, which falls short. None: no finer one is better, or worth what it takes.
        """
        need = self.need
        failing, slight = setting, setting if need.is_slight(places) else None
        self._tried[setting] = self._excess(places)
        self._look_round(places, setting)
        if not self._may_be_worth_it(setting):
            self.is_outdone = True
            return None
        for finer in self._finer_than(setting, is_slight=slight is not None):
            if not self._is_worth_a_look(finer, slight):
                failing = finer
                continue
            if not self.runs.may_continue():
                break
            if self._is_too_dear(finer, slight):
                cheaper = self._cheaper(failing, finer, slight)
                if cheaper is not None:
                    return cheaper
                self.is_outdone = True
                break
            places = self._places_at(finer)
            if need.allows_all(places):
                found = self._by_chance(self._cheapest(failing, finer))
                return slight if self._is_too_dear(found, slight) else found
            if slight is None and need.is_slight(places):
                slight = finer
            failing = finer
            self._look_round(places, finer)
        return None if slight == setting else slight

    def on_crops_above(self, setting: float) -> float | None:
        """The same of crops that are all there is to look at: one that they pass; None where they pass none."""
        failing = setting
        for finer in self._finer_than(setting, is_slight=False):
            if not self.runs.may_continue():
                break
            if self._passes_on_crops(finer):
                return self._between(failing, finer)
            failing = finer
        return None

    def is_worth_it_on_crops(self, setting: float, need: Need) -> bool:
        """Whether crops meet a need at a setting, in half of the bytes that they take without loss at most."""
        return bool(self._trials) and all(
            need.allows_all(one.places(setting)) and one.lossless_growth(setting) >= _DEAR_LOSSLESS
            for one in self._trials
        )

    @property
    def least_bad_on_crops(self) -> float | None:
        """The setting that came nearest on the last crops; None where there were none."""
        return self._trials[-1].least_bad if self._trials else None

    def _finer_than(self, setting: float, *, is_slight: bool) -> list[float]:
        """The settings to try, the coarsest first; where places are slightly over, only what takes little typically."""
        scores, rates = self.runs.encoder.scores, self.runs.encoder.rates
        steps = (scores.parameter(scores.value(setting) + step) for step in _STEPS)
        finer = sorted({min(self.runs.to_grid(one), self.runs.highest) for one in steps})
        most = math.log(SLIGHT_GROWTH) if is_slight else math.inf
        finer = [one for one in finer if one > setting and rates.value(one) - rates.value(setting) <= most]
        return finer if finer and self._is_worth_a_look(finer[-1], None) else []

    def _may_be_worth_it(self, setting: float) -> bool:
        """Whether the dearest setting that is worth it falls short slightly at most: else no coarser one does."""
        if math.isinf(self.most_bytes):
            return True
        rates, before = self.runs.encoder.rates, len(self.runs.at(setting).data)
        most = rates.value(setting) + math.log(_FORETOLD_TO * self.most_bytes / before)
        dearest = min(self.runs.to_grid(rates.parameter(most)), self.runs.highest)
        if self._trials or dearest <= setting or not self.runs.may_continue():
            return self._is_worth_a_look(dearest, None)
        return is_fair(self.need, self._places_at(dearest))

    def _is_worth_a_look(self, setting: float, slight: float | None) -> bool:
        """Whether crops say that it passes; or that it falls short slightly, where none is known that does."""
        return all(one.passes(setting) or (slight is None and one.is_slight(setting)) for one in self._trials)

    def _cheapest(self, failing: float, passing: float) -> float:
        """Between the two: by crops, then the whole; by the whole where there are no crops."""
        found = self._between(failing, passing)
        return found if found == passing or self._passes(found) else passing

    def _by_chance(self, passing: float) -> float:
        """A setting that passes and takes much less, beside the finest of those that failed and do; else the same.

        Excess does not fall steadily: of a grainy skin it is 1.26, 0.82 and 1.25 at WebP qualities 90, 92 and 95.
        """
        tried = [*sorted(one for one in self._tried if one < passing), passing]
        cheap = [at for at, one in enumerate(tried) if self._growth(one, passing) >= _DEAR_STEP]
        if not cheap or self._tried[tried[cheap[-1]]] > _NEAR:
            return passing
        scores = self.runs.encoder.scores
        for low, high in itertools.pairwise(map(scores.value, tried[max(0, cheap[-1] - 1) : cheap[-1] + 2])):
            for part in range(1, _PARTS):
                between = self.runs.to_grid(scores.parameter(low + (high - low) * part / _PARTS))
                if between in self._tried:
                    continue
                if not self.runs.may_continue():
                    return passing
                if self._passes_on_crops(between) and self._passes(between):
                    return between
        return passing

    def _growth(self, setting: float, finer: float) -> float:
        """How many times as much a finer setting takes: of the whole, or of a crop, or typically."""
        crops = (runs for trials in self._trials for runs in trials.on_crops)
        for done in (self.runs.done, *(runs.done for runs in crops)):
            if setting in done and finer in done:
                return len(done[finer].data) / len(done[setting].data)
        rates = self.runs.encoder.rates
        return math.exp(rates.value(finer) - rates.value(setting))

    def _cheaper(self, failing: float, dear: float, slight: float | None) -> float | None:
        """The cheapest that passes below a setting that takes more than it is worth; None: that takes too much, too."""
        found = self._between(failing, dear)
        return found if found < dear and not self._is_too_dear(found, slight) and self._passes(found) else None

    def _between(self, failing: float, passing: float) -> float:
        """The cheapest that passes of some between the two: on the crops, or whole where there are none."""
        scores, passes = self.runs.encoder.scores, self._passes_on_crops if self._trials else self._passes
        for halvings in range(_MOST_HALVINGS):
            if halvings >= _HALVINGS and self._growth(failing, passing) < _DEAR_STEP:
                break
            between = self.runs.to_grid(scores.parameter((scores.value(failing) + scores.value(passing)) / 2))
            if not failing < between < passing or not self.runs.may_continue():
                break
            failing, passing = (failing, between) if passes(between) else (between, passing)
        return passing

    def _passes_on_crops(self, setting: float) -> bool:
        self._tried[setting] = max((one.excess(setting) for one in self._trials), default=0.0)
        return all(one.passes(setting) for one in self._trials)

    def _passes(self, setting: float) -> bool:
        return self.need.allows_all(self._places_at(setting))

    def _is_too_dear(self, finer: float, slight: float | None) -> bool:
        """Whether a finer setting takes more than it is worth, or than the slight places of another are."""
        most = math.inf if slight is None else SLIGHT_GROWTH * len(self.runs.at(slight).data)
        most = min(most, self.most_bytes)
        return most < math.inf and len(self.runs.at(finer).data) > most

    def _look_round(self, places: tuple[WorstPlace, ...], setting: float) -> None:
        crops = PlaceCrops.round(self.context, places, self.need)
        if crops is None:
            return
        trials = crops.trials(self.runs)
        if not trials.passes(setting):  # else they say nothing: how coarse a format is may be the whole picture's
            self._trials.append(trials)

    def _places_at(self, setting: float) -> tuple[WorstPlace, ...]:
        places = preview_places(self.context.meter, self.runs, setting)
        self._tried[setting] = self._excess(places)
        return places

    def _excess(self, places: tuple[WorstPlace, ...]) -> float:
        return max(map(self.need.excess, places), default=0.0)
