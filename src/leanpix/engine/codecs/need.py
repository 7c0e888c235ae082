"""What a result has to meet, and the verdict on an encode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from leanpix.domain.worst_place import Measure, WorstPlace


class Criterion(StrEnum):
    """A measure of quality; more is better.

    SCORE: SSIMULACRA2 of the whole picture, a mean. One that looks at the worst place is one more value here and one
    more line in goals.verdict.
    """

    SCORE = "ssimulacra2"


HARDLY_OVER: Mapping[Measure, float] = {Measure.GROUND: 1.3, Measure.CONTOURS: 1.3, Measure.FAINT: 1.2}
"""How many times what it may have ground is, or its contours, for nobody to see it at 200 %: 2.5 levels; 3 are seen, as
blocks of another tint (docs/decisions/0300). And what is faint, for two fifths of it to be there."""

AT_FINEST: Mapping[Measure, float] = {**HARDLY_OVER, Measure.GROUND: 1.4}
"""The same at the finest setting there is, which makes no blocks: what is left there is how the format rounds colours
(docs/decisions/0358)."""


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked of a result; made from the options once, and all that codecs and goals know of them.

    setting: a quality of 1 to 100. max_bytes: the size that the best picture is wanted within. least: what each
    criterion has to reach. never_over_bytes: the source's size where format and dimensions stay, for the result must
    not grow. keeps_dimensions: no fewer pixels, however few bytes there are. room: how many times its bound the worst
    place may have; None: it is not asked. colour_room: the same for thin coloured things. faint_room: the same for what
    is faint and may be gone; None: as much. unmendable: measures that the format has no means against. promised: the
    score that the quality asked for promises; what falls short of it does so slightly. None: it promises none. spared:
    points of the score by which an encoder's finest setting may fall short slightly. ease: how many times as much of a
    measure's as is allowed else.
    """

    setting: float | None = None
    max_bytes: int | None = None
    least: Mapping[Criterion, float] = field(default_factory=dict)
    never_over_bytes: int | None = None
    keeps_dimensions: bool = False
    room: float | None = None
    colour_room: float = 1.0
    faint_room: float | None = None
    unmendable: frozenset[Measure] = frozenset()
    promised: float | None = None
    spared: float = 0.0
    ease: Mapping[Measure, float] = field(default_factory=dict)

    def worst_of(self, places: tuple[WorstPlace, ...]) -> WorstPlace | None:
        """The place that is furthest over what it may have, of those that the format has means against."""
        counted = (place for place in places if place.measure not in self.unmendable)
        return max(counted, key=self.excess, default=None)

    def is_over(self, place: WorstPlace) -> bool:
        """Whether the format has means against this, and it is over what it may have."""
        return place.measure not in self.unmendable and self.excess(place) > 1

    def allows_all(self, places: tuple[WorstPlace, ...]) -> bool:
        """Whether a result may have these as its places."""
        return self.allows(self.worst_of(places))

    def is_slight(self, places: tuple[WorstPlace, ...]) -> bool:
        """Whether something is over what it may have, but all of that slightly."""
        over = [place for place in places if self.is_over(place)]
        return bool(over) and all(place.is_slight for place in over)

    def eased(self, ease: Mapping[Measure, float] = HARDLY_OVER) -> Need:
        """The same, where what is hardly over its bound is not over it."""
        return replace(self, ease=ease)

    def allows(self, worst: WorstPlace | None) -> bool:
        """Whether a result may have this as its worst place."""
        return worst is None or self.excess(worst) <= 1

    def excess(self, place: WorstPlace) -> float:
        """How many times what it may have this is."""
        if self.room is None:
            return 0.0
        rooms = {Measure.THIN_COLOUR: self.colour_room, Measure.FAINT: self.faint_room, Measure.LINES: self.faint_room}
        return place.ratio / (rooms.get(place.measure) or self.room) / self.ease.get(place.measure, 1.0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an encode meets the need. score: SSIMULACRA2, None if nobody asked. worst: where it is furthest off.

    is_slight: it only falls short by places that are slightly over what they may have, or of the score that its quality
    promises. places: all that were found, one for each measure. is_short: of that score.
    """

    passes: bool
    score: float | None = None
    worst: WorstPlace | None = None
    is_slight: bool = False
    places: tuple[WorstPlace, ...] = ()
    is_short: bool = False
