"""A codec's offers, bound to the picture: what runs each, what refines its estimate, and what follows."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import GROUND, Encoded, Mend
from leanpix.engine.codecs.need import Verdict
from leanpix.engine.codecs.offers import Basis, Estimate, Kind, Offer, Refinement
from leanpix.engine.codecs.priors import (
    DEAR_MEND,
    FINER_CHROMA,
    MOST_OVER,
    NEAR_LOSSLESS,
    PHOTOGRAPH,
    PHOTOGRAPH_ROOM,
    POINTS_A_BOUND,
    QUICK_PACK_CPU_SHARE,
    QUICKLY_PACKED_PHOTOGRAPH,
    QUICKLY_PACKED_PNG,
    RICH_SCORE,
    STRIPS_ROWS,
    slower_lossless,
)
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.goals.climb import Climb
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Attempt, Candidate, nothing
from leanpix.engine.goals.fitting import next_within
from leanpix.engine.goals.near_lossless import near_lossless
from leanpix.engine.goals.place_crops import PlaceCrops
from leanpix.engine.goals.reach import Reach
from leanpix.engine.goals.scoring import Reached, finer_at
from leanpix.engine.goals.shrink import shrunk_within
from leanpix.engine.goals.strips import Strips

_TABLES_BYTES = 1024
"""What of a small file may be tables: of two of them the one with more levels may still be the smaller."""


def candidates(context: EncodeContext, runs: EncoderRuns) -> list[Candidate]:
    """All ways to a result that the context's format offers."""
    kind_of_file = context.codec.format.value
    named = (replace(one, name=f"{kind_of_file} {one.name}") for one in context.codec.offers(context.facts(runs)))
    offers = {offer.kind: offer for offer in named}
    reach = Reach(context, runs)
    return list(_Bound(context, runs, offers, reach, Strips(context, runs, reach.setting)).all())


@dataclass(slots=True)
class _Tried:
    """One lossy encoder and what came of it.

    before: the one that it is to mend. places: where it fell short. is_weighed: whether a finer setting of it was set
    against its means. is_outdone: what meets the need takes more than the source's own file.
    """

    runs: EncoderRuns
    before: _Tried | None = None
    attempt: Attempt | None = None
    places: tuple[WorstPlace, ...] = ()
    is_weighed: bool = False
    is_outdone: bool = False

    def chain(self) -> Iterator[_Tried]:
        """Itself and what it is to mend, to the first."""
        yield self
        if self.before is not None:
            yield from self.before.chain()


@dataclass(slots=True)
class _Bound:
    """The offers of one format and what they share: the lossy encoder's runs, and the strips."""

    context: EncodeContext
    runs: EncoderRuns
    offers: dict[Kind, Offer]
    reach: Reach
    strips: Strips
    lossy_bytes: int | None = None
    lossy_setting: float | None = None
    foreseen: PlaceCrops | None = None
    foretold: Verdict | None = None
    near_lossless_bytes: int | None = None

    def all(self) -> Iterator[Candidate]:
        """A lossless encode takes the place of the source's file where that fails, for it is never smaller."""
        need = self.context.need
        if self.context.is_at_target and Kind.SOURCE in self.offers:
            yield self.source()
            return
        if self.context.is_decoded_smaller and need.max_bytes is not None:
            yield self.smaller_sides(need.max_bytes)
            return
        if Kind.SOURCE in self.offers:
            yield self.source()
        elif Kind.LOSSLESS in self.offers:
            yield self.lossless()
        if Kind.LOSSY in self.offers:
            yield self.lossy()
        if Kind.SMALLER_SIDES in self.offers and need.max_bytes is not None and not need.keeps_dimensions:
            yield self.smaller_sides(need.max_bytes)

    # The source's own file.

    def source(self) -> Candidate:
        """Repacked; where that fails, or fits no size, every pixel is coded anew."""
        offer = self.offers[Kind.SOURCE]

        def run() -> Attempt | None:
            kept = self.context.kept_file()
            return None if kept is None else Attempt(Kind.SOURCE, kept)

        def instead(verdict: Verdict) -> Iterable[Candidate]:
            del verdict
            return [self.lossless()] if Kind.LOSSLESS in self.offers else []

        is_refined = offer.refinement is Refinement.QUICK_PACK
        refine_cpu_s = QUICK_PACK_CPU_SHARE * offer.estimate.cpu_s
        refine = self._quickly_packed if is_refined else None
        is_over = self.context.is_kept_file_over
        return Candidate(offer, run, refine, refine_cpu_s, is_over, self._source_given, instead)

    def _source_given(self, attempt: Attempt, estimate: Estimate) -> Estimate:
        """Once coarser levels were coded: every pixel takes more by the same coder, or the file stays as it is.

        Of a photograph at a quality they were coded in a hurry.
        """
        is_hurried = self.context.need.setting is not None and not self.runs.encoder.is_screen_content
        if attempt.kind is not Kind.LOSSY or self.near_lossless_bytes is None or is_hurried:
            return estimate
        packed_anew = (self.near_lossless_bytes - _TABLES_BYTES) / NEAR_LOSSLESS.most
        as_it_is = len(self.context.codec.stripped(self.context.source))
        return replace(estimate, least_bytes=max(estimate.least_bytes, min(packed_anew, as_it_is)))

    def _quickly_packed(self) -> Estimate:
        """By what the least effort makes of it."""
        estimate = self.offers[Kind.SOURCE].estimate
        quick = self.context.codec.repack(self.context.source, Effort.MINIMAL, self.context.budget.left_s())
        if quick is None:
            return estimate
        prior = QUICKLY_PACKED_PNG if self.runs.encoder.is_screen_content else QUICKLY_PACKED_PHOTOGRAPH
        quick_bytes = len(quick.data)
        least, likely = prior.least * quick_bytes, prior.likely * quick_bytes
        return replace(estimate, least_bytes=least, likely_bytes=likely, basis=Basis.SAMPLE)

    # Every pixel kept.

    def lossless(self) -> Candidate:
        """Weighed on strips where that is cheap, or where it looks unlikely to win."""
        offer = self._after_lossy(self.offers[Kind.LOSSLESS])

        def run() -> Attempt | None:
            encoded = None if self._is_far_over() else self.runs.lossless()
            return None if encoded is None else Attempt(Kind.LOSSLESS, encoded)

        def refine() -> Estimate:
            estimate = self.strips.lossless()
            return estimate if self.lossy_bytes is None else self.strips.lossless_given(self.lossy_bytes, estimate)

        return Candidate(
            offer,
            run,
            self._on_strips(refine),
            self._strips_cpu_s(offer),
            given=self._lossless_given,
            then=self._slower_lossless,
        )

    def _is_far_over(self) -> bool:
        """Whether a photograph is over the size with every loss there is: without any it takes several times that."""
        max_bytes, made = self.context.need.max_bytes, self.runs.done
        if max_bytes is None or not made or self.context.may_be_drawn(self.runs.encoder):
            return False
        return PHOTOGRAPH.least * min(len(one.data) for one in made.values()) > max_bytes

    def _slower_lossless(self, attempt: Attempt) -> Iterator[Candidate]:
        """The same pixels by the format's slower encoder: a size needs no fewer bytes, and larger pictures the time."""
        pixels = self.context.raster.total_pixels
        slower = next(iter(self.runs.encoder.slower_presets()), None)
        prior = slower_lossless(self.context.codec.format, pixels)
        if slower is None or prior is None or self.context.need.max_bytes is not None:
            return
        runs = self.runs.fork(slower)

        def run() -> Attempt | None:
            encoded = runs.lossless()
            self.runs.add_counts(runs)
            return None if encoded is None else Attempt(Kind.LOSSLESS, encoded)

        estimate = Estimate(prior.least * attempt.bytes, prior.likely * attempt.bytes, prior.cpu_s * pixels)
        yield Candidate(Offer(Kind.LOSSLESS, f"{self.offers[Kind.LOSSLESS].name}, slower", estimate), run)

    def _after_lossy(self, offer: Offer) -> Offer:
        """Where bytes decide, the lossy encode is made first until strips tell otherwise: it costs a fraction."""
        lossy = self.offers.get(Kind.LOSSY)
        if lossy is None or offer.over_lossy is None or self.context.need.max_bytes is not None:
            return offer
        likely = max(offer.estimate.likely_bytes, offer.over_lossy.likely * lossy.estimate.likely_bytes)
        return replace(offer, estimate=replace(offer.estimate, likely_bytes=likely))

    def _lossless_given(self, attempt: Attempt, estimate: Estimate) -> Estimate | None:
        """Once a lossy encode was made: a photograph without loss takes several times as much."""
        if attempt.kind is not Kind.LOSSY:
            return estimate
        prior, max_bytes = self.offers[Kind.LOSSLESS].over_lossy, self.context.need.max_bytes
        if self.near_lossless_bytes is not None:  # coarser levels of the same pixels, by the same coder
            beyond_tables = self.near_lossless_bytes - _TABLES_BYTES
            least = max(estimate.least_bytes, beyond_tables / NEAR_LOSSLESS.most)
            return replace(estimate, least_bytes=least)
        if max_bytes is None:
            least = max(estimate.least_bytes, attempt.bytes * (prior.least if prior else 0))
            return self.strips.lossless_given(attempt.bytes, replace(estimate, least_bytes=least))
        if self.context.may_be_drawn(self.runs.encoder):
            return estimate
        has_room = self._is_rich(max_bytes) and max_bytes >= PHOTOGRAPH_ROOM * attempt.bytes
        return estimate if has_room and self.context.effort is Effort.FULL else None

    # A lossy encode.

    def lossy(self) -> Candidate:
        """By the search that the need takes."""
        offer, max_bytes, plain = self.offers[Kind.LOSSY], self.context.need.max_bytes, _Tried(self.runs)
        if max_bytes is not None:
            # What a search to a size finds fits it.
            offer = replace(offer, estimate=replace(offer.estimate, likely_bytes=max_bytes))

        def refine() -> Estimate:
            estimate, done = self.strips.lossy(), self.runs.lossless_done
            return self.strips.lossy_given(len(done[0].data), estimate) if done and done[0] else estimate

        def given(attempt: Attempt, estimate: Estimate) -> Estimate:
            return self.strips.lossy_given(attempt.bytes, estimate) if attempt.kind is Kind.LOSSLESS else estimate

        def run() -> Attempt | None:
            is_foretold = self._is_foretold()
            self.reach.risky = self._risky
            attempt = plain.attempt = None if is_foretold else self.reach.run()
            plain.is_outdone = self.reach.is_outdone
            self.lossy_bytes = None if attempt is None else attempt.bytes
            self.lossy_setting = self.reach.asked if attempt is None else attempt.parameter
            return attempt

        is_weighed = max_bytes is None and Kind.SOURCE not in self.offers
        return Candidate(
            offer,
            run,
            self._on_strips(refine) if is_weighed else None,
            self._strips_cpu_s(offer),
            given=given,
            instead=lambda verdict: self._mended(self.foretold or self.reach.refused or verdict, plain),
            then=self._richer,
            nearest=self.reach.nearest if max_bytes is None else None,
        )

    def _is_foretold(self) -> bool:
        """Whether crops say, before anything is encoded, that it falls short at the quality, and has means against it.

        Of a picture that is nothing but ground, and of one that is too large to be looked at whole.
        """
        need, mends, encoder = self.context.need, self.runs.encoder.mends(), self.runs.encoder
        if need.max_bytes is not None or need.setting is None or encoder.least_score(need.setting) is not None:
            return False
        has_means = any(mend.against & GROUND for mend in mends)
        self.foreseen = PlaceCrops.of_ground(self.context) if has_means else None
        self.foreseen = self.foreseen or PlaceCrops.of_risky_tiles(self.context)
        if self.foreseen is None:
            return False
        trials, setting = self.foreseen.trials(self.runs), self.reach.asked
        if trials.passes(setting):
            return False
        places = trials.places(setting)
        worst = need.worst_of(places)
        if any(mend.helps(worst) for mend in mends):
            self.foretold = Verdict(passes=False, worst=worst, places=places)
        return self.foretold is not None

    @property
    def _risky(self) -> PlaceCrops | None:
        """The crops of a picture that is too large to be looked at whole."""
        return self.foreseen if self.context.meter.is_sampled else None

    def _mended(self, verdict: Verdict, tried: _Tried) -> Iterator[Candidate]:
        """The same without one of the trades that the encoder made, the cheapest first."""
        if self.context.need.max_bytes is not None or tried.is_outdone:
            return
        runs, tried.places = tried.runs, verdict.places
        if runs is self.runs:
            yield from self._near_lossless()
        if self.context.need.least and verdict.is_short:  # it is the finest setting, and nearly has the score
            return
        is_foretold = self.foretold is not None and runs is self.runs
        crops = self.foreseen if is_foretold else PlaceCrops.round(self.context, verdict.places)
        worst = verdict.worst
        is_near = verdict.is_short or (tried.attempt is not None and tried.attempt.is_finest)
        if tried.attempt is not None and tried.attempt.is_beyond_settings:
            # What helps the whole may help the place then; of what is hardly over nobody sees it.
            worst, crops = None, None
        if verdict.is_short and verdict.score is not None:
            yield from self._as_promised(tried, verdict.score)
        for one in runs.encoder.mends():
            if not one.helps(worst) and not (verdict.is_short and one.raises_score):
                continue
            mend, foreseen = self._sufficient(one, worst, crops)
            mended = _Tried(runs.fork(mend.encoder), tried)
            reach = self._reach_of(mended, foreseen if is_foretold else ())

            def run(reach: Reach = reach, mended: _Tried = mended) -> Attempt | None:
                mended.attempt = reach.run()
                mended.is_outdone = reach.is_outdone
                self.runs.add_counts(mended.runs)
                return mended.attempt

            yield Candidate(
                self._mended_offer(mend, tried.attempt if is_near else None),
                run,
                instead=functools.partial(self._mended, tried=mended),
                then=functools.partial(self._finer_without, tried) if mend.is_weighed else nothing,
                nearest=reach.nearest,
            )

    def _reach_of(self, mended: _Tried, foreseen: tuple[WorstPlace, ...]) -> Reach:
        """On its way to the need, with what is known of it. foreseen: its places at the quality, on crops."""
        reach = Reach(self.context, mended.runs, self._risky)
        before = None if mended.before is None else mended.before.attempt
        if self.context.need.worst_of(foreseen) and self.context.cheaply_kept_bytes() is not None:
            reach.foresee(foreseen)
        if before is not None and before.is_beyond_settings:
            reach.begin_at(before.parameter)
        return reach

    def _as_promised(self, tried: _Tried, score: float) -> Iterator[Candidate]:
        """At the finer setting that has the score which the quality asked for promises."""
        promised, runs, before = self.context.need.promised, tried.runs, tried.attempt
        if promised is None or before is None or before.parameter is None:
            return
        known, scores, rates = Reached(before.parameter, score), runs.encoder.scores, runs.encoder.rates

        def run() -> Attempt | None:
            found = finer_at(self.context.meter, runs, promised, known)
            return None if found is None else Attempt(Kind.LOSSY, runs.at(found), parameter=found)

        likely = scores.parameter(scores.value(known.parameter) + promised - score)
        growth = math.exp(rates.value(likely) - rates.value(known.parameter))
        offer = self.offers[Kind.LOSSY]
        estimate = replace(offer.estimate, least_bytes=before.bytes, likely_bytes=growth * before.bytes)
        yield Candidate(Offer(Kind.LOSSY, f"{offer.name}, as promised", estimate), run)

    def _finer_without(self, tried: _Tried, mended: Attempt) -> Iterator[Candidate]:
        """Finer settings without the means, where those took much more than the setting that fell short.

        What a means adds hardly depends on the setting: the coarser that is, the larger a share of its bytes
        (docs/decisions/0303).
        """
        offer = self.offers[Kind.LOSSY]
        for one in tried.chain():
            before = one.attempt
            if before is None or before.parameter is None or before.has_no_finer or one.is_weighed:
                continue
            if mended.bytes <= DEAR_MEND * before.bytes:
                continue
            one.is_weighed = True

            def run(one: _Tried = one, setting: float = before.parameter) -> Attempt | None:
                found = Climb(self.context, one.runs, most_bytes=mended.bytes).above(setting, one.places)
                return None if found is None else Attempt(Kind.LOSSY, one.runs.at(found), parameter=found)

            estimate = replace(offer.estimate, least_bytes=before.bytes, likely_bytes=mended.bytes)
            yield Candidate(Offer(Kind.LOSSY, f"{offer.name}, finer", estimate), run)

    def _sufficient(
        self, mend: Mend, worst: WorstPlace | None, crops: PlaceCrops | None
    ) -> tuple[Mend, tuple[WorstPlace, ...]]:
        """The mend, or the first of those that follow from it, that suffices on crops round the worst places.

        And the places of these, where the last does not even pass on them.
        """
        places = tuple[WorstPlace, ...]()
        while crops is not None and self.lossy_setting is not None:
            trials = crops.trials(self.runs.fork(mend.encoder))
            setting = trials.runs.to_grid(self.lossy_setting)
            suffices = trials.suffices(setting)
            places = () if trials.passes(setting) else trials.places(setting)
            self.runs.add_counts(trials.runs)
            further = [one for one in mend.encoder.mends() if one.helps(worst)]
            if suffices or not further:
                break
            mend = further[0]
        return mend, places

    def _near_lossless(self) -> Iterator[Candidate]:
        """Between the finest lossy setting, or the largest palette, and every pixel."""
        lossless = self.offers.get(Kind.LOSSLESS)
        if lossless is None or not self.context.codec.has_near_lossless:
            return
        estimate = lossless.estimate
        likely_bytes = NEAR_LOSSLESS.likely * estimate.likely_bytes
        estimate = replace(estimate, likely_bytes=likely_bytes, cpu_s=NEAR_LOSSLESS.cpu_share * estimate.cpu_s)
        offer = Offer(Kind.LOSSY, "near-lossless", estimate)

        def run() -> Attempt | None:
            attempt = near_lossless(self.context, self.runs)
            self.near_lossless_bytes = None if attempt is None else attempt.bytes
            return attempt

        yield Candidate(offer, run)

    def _mended_offer(self, mend: Mend, before: Attempt | None = None) -> Offer:
        """before: of the same picture at the same setting, so that this takes about as much."""
        estimate = self.offers[Kind.LOSSY].estimate
        # Of what was foretold nothing was made that this could be more than.
        likely_bytes = estimate.likely_bytes
        if before is not None:
            likely_bytes = FINER_CHROMA.likely * before.bytes
        elif self.lossy_bytes is not None:
            likely_bytes = FINER_CHROMA.likely * max(likely_bytes, self.lossy_bytes)
        estimate = replace(estimate, likely_bytes=likely_bytes, cpu_s=FINER_CHROMA.cpu_share * estimate.cpu_s)
        return Offer(Kind.LOSSY, f"{self.offers[Kind.LOSSY].name}, {mend.name}", estimate)

    def _richer(self, attempt: Attempt) -> Iterator[Candidate]:
        """To a size, the same with a means against its worst place, or where there is room: if that looks better."""
        max_bytes, pixels = self.context.need.max_bytes, self.context.raster.total_pixels
        if max_bytes is None:
            return
        meter, need = self.context.meter, self.context.need
        is_asked = need.room is not None and not meter.is_sampled and meter.is_at_risk
        worst = need.worst_of(meter.worst(attempt.encoded)) if is_asked else None
        is_rich = self._is_rich(max_bytes)
        for mend in self.runs.encoder.mends():
            if not (is_rich and mend.raises_score) and (need.allows(worst) or not mend.helps(worst)):
                continue

            def run(mend: Mend = mend) -> Attempt | None:
                better = next_within(self.runs, self.runs.fork(mend.encoder), pixels, max_bytes)
                if better is None or self._looks(better) <= self._looks(attempt.encoded):
                    return None
                return Attempt(Kind.LOSSY, better)

            offer = self._mended_offer(mend)
            yield Candidate(replace(offer, estimate=replace(offer.estimate, likely_bytes=max_bytes)), run)

    def _looks(self, encoded: Encoded) -> float:
        """By both criteria: what the score counts for less, by how far the worst place is over its bound."""
        meter = self.context.meter
        if meter.is_sampled:
            return meter.score(encoded)
        worst = self.context.need.worst_of(meter.worst(encoded))
        over = 0.0 if worst is None else min(max(worst.ratio - 1, 0.0), MOST_OVER)
        return meter.score(encoded) - POINTS_A_BOUND * over

    def _is_rich(self, max_bytes: int) -> bool:
        """Whether halved chroma is likely the first thing to be seen in what fits, and can be measured."""
        fitting = [setting for setting, encoded in self.runs.done.items() if len(encoded.data) <= max_bytes]
        typical = self.runs.encoder.scores.value(max(fitting)) if fitting else 0.0
        return typical >= RICH_SCORE and not self.context.meter.is_sampled

    # Fewer pixels.

    def smaller_sides(self, max_bytes: int) -> Candidate:
        """The scale that looks best."""
        return Candidate(self.offers[Kind.SMALLER_SIDES], lambda: shrunk_within(self.context, self.runs, max_bytes))

    # Strips.

    def _on_strips(self, refine: Callable[[], Estimate]) -> Callable[[], Estimate] | None:
        lossless = self.offers.get(Kind.LOSSLESS)
        has_strips = lossless is not None and lossless.refinement is Refinement.STRIPS
        return refine if has_strips and self.context.raster.frames == 1 else None

    def _strips_cpu_s(self, offer: Offer) -> float:
        rows = int(self.context.raster.pixels.shape[0])
        return offer.estimate.cpu_s * STRIPS_ROWS / rows
