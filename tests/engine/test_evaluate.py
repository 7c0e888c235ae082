"""The rule by which candidates are run, on candidates that only name their bytes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from leanpix.domain.report import Decision
from leanpix.domain.worst_place import Measure, WorstPlace
from leanpix.engine.codecs.base import Encoded
from leanpix.engine.codecs.need import Criterion, Need, Verdict
from leanpix.engine.codecs.offers import Estimate, Kind, Offer
from leanpix.engine.goals.evaluate import Attempt, Candidate, evaluate

AT_SCORE = Need(least={Criterion.SCORE: 75})

WORST = WorstPlace(Measure.WINDOW, 20.0, 15.0, 0, 0, 8, 8)


@dataclass
class Clock:
    left_s: float = 25.0

    def allows(self, cost_s: float) -> bool:
        return cost_s <= self.left_s


@dataclass
class Runs:
    """Which candidates were run, in order."""

    names: list[str] = field(default_factory=list)

    def candidate(
        self,
        name: str,
        comes_to: int | None,
        *,
        kind: Kind = Kind.LOSSY,
        least: float = 0,
        likely: float = 100,
        cpu_s: float = 0,
        memory_bytes: float = 0,
        score: float | None = None,
    ) -> Candidate:
        def run() -> Attempt | None:
            self.names.append(name)
            return None if comes_to is None else Attempt(kind, Encoded(bytes(comes_to), name), score)

        return Candidate(Offer(kind, name, Estimate(least, likely, cpu_s, memory_bytes)), run)


def passes(attempt: Attempt) -> Verdict:
    return Verdict(passes=attempt.score is None or attempt.score >= 75, score=attempt.score, worst=WORST)


def test_the_likely_smallest_comes_first_and_what_cannot_be_smaller_is_not_made() -> None:
    runs = Runs()
    queue = [runs.candidate("b", 90, likely=95, least=85), runs.candidate("a", 80, likely=80)]
    found = evaluate(queue, AT_SCORE, Clock(), passes)
    assert runs.names == ["a"]
    assert [(one.name, one.decision) for one in found.told()] == [("a", Decision.TAKEN), ("b", Decision.CANNOT_WIN)]


def test_what_is_counted_to_be_larger_than_the_best_is_not_made() -> None:
    runs, asked = Runs(), list[int]()

    def is_over(most_bytes: int) -> bool:
        asked.append(most_bytes)
        return most_bytes < 95

    counted = replace(runs.candidate("counted", 95, kind=Kind.SOURCE, likely=90), is_over=is_over)
    assert evaluate([counted], AT_SCORE, Clock(), passes).best is not None
    assert asked == []  # the first is made whatever it takes
    found = evaluate([counted, runs.candidate("first", 80, likely=80)], AT_SCORE, Clock(), passes)
    assert runs.names == ["counted", "first"]
    assert asked == [80]
    assert [one.decision for one in found.told()] == [Decision.TAKEN, Decision.CANNOT_WIN]
    found = evaluate([counted, runs.candidate("first", 96, likely=80)], AT_SCORE, Clock(), passes)
    assert found.best is not None
    assert found.best.kind is Kind.SOURCE


def test_of_equal_bytes_what_loses_less_comes_first_and_is_taken() -> None:
    runs = Runs()
    found = evaluate(
        [runs.candidate("lossy", 80), runs.candidate("lossless", 80, kind=Kind.LOSSLESS)], AT_SCORE, Clock(), passes
    )
    assert runs.names == ["lossless", "lossy"]
    assert found.best is not None
    assert found.best.kind is Kind.LOSSLESS


def test_an_encode_that_breaks_a_bound_is_mended_by_the_cheapest_means_and_told_where() -> None:
    runs, told = Runs(), list[Verdict]()

    def mended(verdict: Verdict) -> list[Candidate]:
        told.append(verdict)
        return [runs.candidate("more colours", 130, likely=130), runs.candidate("whole chroma", 120, likely=120)]

    plain = replace(runs.candidate("plain", 100, score=60.0), instead=mended)
    found = evaluate(
        [plain, runs.candidate("lossless", 500, kind=Kind.LOSSLESS, likely=500, least=200)], AT_SCORE, Clock(), passes
    )
    assert told[0].worst == WORST
    assert found.best is not None
    assert found.best.encoded.encoder == "whole chroma"
    assert [one.name for one in found.told() if one.decision is Decision.FELL_SHORT] == ["plain"]
    assert [one.name for one in found.told() if one.decision is Decision.CANNOT_WIN] == ["lossless"]


def test_a_dear_estimate_is_made_where_a_candidate_looks_unlikely_to_win_and_costs_little_beside_it() -> None:
    for refine_cpu_s, refined in ((0.2, True), (0.3, False)):
        runs, asked = Runs(), list[str]()

        def refine(asked: list[str] = asked) -> Estimate:
            asked.append("strips")
            return Estimate(60, 70)

        dear = replace(runs.candidate("dear", 40, likely=200, cpu_s=1), refine=refine, refine_cpu_s=refine_cpu_s)
        evaluate([runs.candidate("first", 50, likely=50), dear], AT_SCORE, Clock(), passes)
        assert asked == ["strips"] * refined
        assert runs.names == (["first"] if refined else ["first", "dear"])


def test_a_cheap_estimate_is_made_before_anything_and_changes_the_order() -> None:
    runs = Runs()
    cheap = replace(runs.candidate("cheap", 40, likely=200, cpu_s=1), refine=lambda: Estimate(0, 40), refine_cpu_s=0.05)
    evaluate([runs.candidate("first", 50, likely=50, least=45), cheap], AT_SCORE, Clock(), passes)
    assert runs.names == ["cheap"]


@pytest.mark.parametrize(
    ("cost", "decision"), [({"cpu_s": 20.0}, Decision.NO_TIME), ({"memory_bytes": 2e9}, Decision.NO_MEMORY)]
)
def test_what_there_is_no_room_for_is_left_out(cost: dict[str, float], decision: Decision) -> None:
    runs = Runs()
    dear = runs.candidate("dear", 40, likely=110, **cost)  # type: ignore[arg-type] # a cost by name
    found = evaluate([dear, runs.candidate("first", 50)], AT_SCORE, Clock(21), passes, memory_bytes=1e9)
    assert [(one.name, one.decision) for one in found.told()] == [("first", Decision.TAKEN), ("dear", decision)]


def test_the_first_result_is_made_whatever_it_takes() -> None:
    runs = Runs()
    assert evaluate([runs.candidate("only", 50, cpu_s=99)], AT_SCORE, Clock(0), passes).best is not None


def test_to_a_size_what_loses_least_wins_and_what_is_likely_to_fit_comes_first() -> None:
    runs, need = Runs(), Need(max_bytes=100)
    queue = [
        runs.candidate("lossy", 90, likely=100),
        runs.candidate("lossless", 95, kind=Kind.LOSSLESS, likely=150),
        runs.candidate("smaller", 20, kind=Kind.SMALLER_SIDES, likely=10),
        runs.candidate("source", 101, kind=Kind.SOURCE, likely=90),
    ]
    found = evaluate(queue, need, Clock(), lambda attempt: Verdict(passes=attempt.bytes <= 100))
    assert runs.names == ["source", "lossy", "lossless"]
    assert found.best is not None
    assert found.best.kind is Kind.LOSSLESS


SLIGHT = WorstPlace(Measure.GROUND, 2.0, 1.9, 0, 0, 8, 8, is_slight=True)


def only_slightly_short(attempt: Attempt) -> Verdict:
    """What has no score falls short by a place that is slightly over its bound."""
    is_short = attempt.score is None
    return Verdict(passes=not is_short, score=attempt.score, worst=SLIGHT if is_short else None, is_slight=is_short)


@pytest.mark.parametrize(("mended_bytes", "taken"), [(1150, "mended"), (1300, "plain")])
def test_a_slight_place_is_mended_for_a_fifth_more_bytes_and_no_more(mended_bytes: int, taken: str) -> None:
    runs = Runs()
    mended = runs.candidate("mended", mended_bytes, likely=1100, score=80)
    plain = replace(runs.candidate("plain", 1000, likely=900), instead=lambda _: [mended])
    found = evaluate([plain], AT_SCORE, Clock(), only_slightly_short)
    assert runs.names == ["plain", "mended"]
    assert found.best is not None
    assert found.best.encoded.encoder == taken
    assert [one.name for one in found.told() if one.decision is Decision.TAKEN] == [taken]


def test_a_mend_that_likely_takes_too_much_for_a_slight_place_is_not_made() -> None:
    runs = Runs()
    dear, cheap = runs.candidate("dear", 5000, likely=4000, score=90), runs.candidate("cheap", 1100, likely=1050)
    plain = replace(runs.candidate("plain", 1000, likely=900), instead=lambda _: [dear, cheap])
    found = evaluate([plain], AT_SCORE, Clock(), only_slightly_short)
    assert runs.names == ["plain", "cheap"]
    assert found.best is not None
    assert found.best.encoded.encoder == "plain"


@pytest.mark.parametrize(("last_score", "taken"), [(None, "plain"), (80, "twice")])
def test_a_mend_after_which_a_place_is_still_slightly_over_is_not_paid_for(
    last_score: float | None, taken: str
) -> None:
    runs = Runs()
    twice = runs.candidate("twice", 1150, likely=1120, score=last_score)
    once = replace(runs.candidate("once", 1100, likely=1050), instead=lambda _: [twice])
    plain = replace(runs.candidate("plain", 1000, likely=900), instead=lambda _: [once])
    found = evaluate([plain], AT_SCORE, Clock(), only_slightly_short)
    assert runs.names == ["plain", "once", "twice"]
    assert found.best is not None
    assert found.best.encoded.encoder == taken


def test_of_two_that_are_slightly_short_the_smaller_is_taken() -> None:
    runs = Runs()
    smaller = runs.candidate("smaller", 800, likely=950)
    found = evaluate([runs.candidate("larger", 1000, likely=900), smaller], AT_SCORE, Clock(), only_slightly_short)
    assert found.best is not None
    assert found.best.encoded.encoder == "smaller"


def test_the_smallest_that_was_refused_for_a_place_is_remembered() -> None:
    runs = Runs()
    tried = [runs.candidate("fine", 300, likely=20, score=70), runs.candidate("coarse", 200, likely=30, score=60)]
    found = evaluate([*tried, runs.candidate("whole", 900, likely=500)], AT_SCORE, Clock(), passes)
    assert found.refused == (200, WORST)


def test_of_two_that_are_slightly_short_the_one_with_the_score_that_its_quality_promises_is_taken() -> None:
    def judged(attempt: Attempt) -> Verdict:
        return Verdict(passes=False, worst=SLIGHT, is_slight=True, is_short=attempt.encoded.encoder != "finer")

    runs = Runs()
    dear = runs.candidate("dear", 1150, likely=1150)
    plain = replace(runs.candidate("plain", 1000, likely=900), instead=lambda _: [dear, finer])
    finer = runs.candidate("finer", 1100, likely=1100)
    found = evaluate([plain], AT_SCORE, Clock(), judged)
    assert runs.names == ["plain", "finer", "dear"]
    assert found.best is not None
    assert found.best.encoded.encoder == "finer"


def test_what_takes_much_more_than_one_that_is_slightly_short_is_not_made_either() -> None:
    """What is known of it once that was made says so: a photograph without loss takes several times as much."""
    runs = Runs()
    whole = replace(
        runs.candidate("whole", 5000, kind=Kind.LOSSLESS, likely=4000),
        given=lambda attempt, estimate: replace(estimate, least_bytes=1.5 * attempt.bytes),
    )
    found = evaluate([runs.candidate("plain", 1000, likely=900), whole], AT_SCORE, Clock(), only_slightly_short)
    assert runs.names == ["plain"]
    assert found.best is not None
    assert found.best.encoded.encoder == "plain"
