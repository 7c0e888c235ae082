"""One compression from bytes to bytes: probe, decode, encode towards a goal, never larger than the source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import Kept, OutputFormat
from leanpix.domain.holding import Holding
from leanpix.domain.keep import Keep
from leanpix.domain.report import Compression, Considered, Decision, Report
from leanpix.domain.request import DEFAULT_TARGET_SCORE, KBYTE, CompressionOptions, Fit
from leanpix.domain.states import TaskState
from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.budget import Budget, Effort
from leanpix.engine.codecs import codec_for
from leanpix.engine.codecs.base import Raster
from leanpix.engine.codecs.beside import carried_beside
from leanpix.engine.codecs.need import Need
from leanpix.engine.codecs.offers import Kind
from leanpix.engine.codecs.priors import FILE_RATES, WHOLE_CPU_S
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.facts import Limits
from leanpix.engine.goals.advice import advice
from leanpix.engine.goals.candidates import candidates
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Attempt, Outcome, evaluate
from leanpix.engine.goals.fitting import largest_within
from leanpix.engine.goals.plan import alternatives, decoding_target, recommend, sides_far_below
from leanpix.engine.goals.shrink import leaves_no_whole
from leanpix.engine.goals.verdict import meets
from leanpix.engine.libraries.malloc_trim import trim_malloc
from leanpix.engine.reading.contents import PixelFacts, held, lost
from leanpix.engine.reading.decode import load
from leanpix.engine.reading.metadata import kept_metadata
from leanpix.engine.reading.picture import Picture
from leanpix.engine.reading.probe import Probe, probe

OnPhase = Callable[[str], None]

AT_TARGET = "already at the quality aimed at: only packed without loss, the source's own pixels are kept"
_MUCH_LARGER = 2.0
"""Times the bytes of an encode that was refused for a place, from which on a result says so."""

ALREADY_OPTIMAL = "already optimal: the source's own pixels are kept"


def compress(  # noqa: PLR0913 - all but the first two are for callers who know more than a picture's owner
    source: bytes,
    options: CompressionOptions,
    limits: Limits | None = None,
    *,
    facts: Probe | None = None,
    budget: Budget | None = None,
    on_phase: OnPhase | None = None,
) -> Compression:
    """Compress one picture.

    source: the encoded bytes of a JPEG, PNG, WebP, GIF, BMP, TIFF, SGI or camera raw file. on_phase is told
    "decoding", "encoding" and "searching" as they begin. facts: what probe() has told a caller who has asked it about
    this source and these limits already. Raises TaskFailure: INVALID_IMAGE for what is no
    readable picture, NOT_MEETING_REQUIREMENTS over a limit or where max_bytes cannot be met.
    """
    decoded, budget = opened(source, options, limits, facts, on_phase), budget or Budget()
    options = decoded.options
    if not options.alternatives:
        context, runs = begun(decoded, options, budget)
        return make(context, decoded.tell, runs).compression

    kinds, results, refusals = alternatives(decoded.facts, options), list[FormatResult](), list[TaskFailure]()
    for place, one in enumerate(kinds):
        try:
            context = begin(decoded, replace(options, format=one), budget, later=kinds[place + 1 :])
            results.append(make(context, decoded.tell))
        except TaskFailure as failure:
            # A size that this format cannot meet, another one may.
            if failure.state is not TaskState.NOT_MEETING_REQUIREMENTS:
                raise
            refusals.append(failure)
    if not results:
        raise refusals[0]
    return _best_of(results)


@dataclass(frozen=True, slots=True)
class FormatResult:
    """One format's result. is_met: it is what was asked for, not what comes nearest. score: to a size, how it looks."""

    compression: Compression
    is_met: bool
    score: float = 0.0

    @property
    def rank(self) -> tuple[bool, float, int]:
        """Less is better: the smallest that meets the goal; to a size, which all fit, the one that looks best."""
        return not self.is_met, -self.score, self.compression.report.result_bytes


def _best_of(results: Sequence[FormatResult]) -> Compression:
    """The report tells what was considered in all of the formats."""
    best = min(results, key=lambda one: one.rank)
    considered = [
        replace(way, decision=Decision.MADE) if one is not best and way.decision is Decision.TAKEN else way
        for one in results
        for way in one.compression.report.considered
    ]
    return replace(best.compression, report=replace(best.compression.report, considered=tuple(considered)))


@dataclass(slots=True)
class Decoded:
    """A source that is decoded once for all the formats that take the same pixels.

    is_still: of an animation the first frame will do.
    """

    source: bytes
    facts: Probe
    options: CompressionOptions
    limits: Limits
    tell: OnPhase
    is_still: bool = False
    _pictures: dict[tuple[Kept, tuple[int, int] | None], Picture] = field(default_factory=dict)

    def picture(self, target: OutputFormat, sides_px: tuple[int, int] | None = None) -> Picture:
        """For a format: with all frames or the first, with transparency or without; at these sides, or as asked for."""
        facts = self.facts
        kept = facts.format.kept_in(target)
        if self.is_still:
            kept = replace(kept, frames=False)
        # One picture for all targets that show the same of this source.
        shown = Kept(frames=kept.frames and facts.is_animated, alpha=kept.alpha or not facts.has_alpha)
        if (shown, sides_px) not in self._pictures:
            self.tell("decoding")
            options = self.options
            if sides_px is not None:
                options = replace(options, width_px=sides_px[0], height_px=sides_px[1], fit=Fit.FILL)
            self._pictures = {(shown, sides_px): load(self.source, facts, options, kept, self.limits)}
        return self._pictures[shown, sides_px]

    def sides_far_below(self, target: OutputFormat) -> tuple[int, int] | None:
        """Smaller sides to decode at first, where a size is far below the source's own."""
        own = self.facts.format.same_output
        if self.options.max_bytes is None or own is None or self.facts.format not in FILE_RATES:
            return None
        picture_bytes = codec_for(own).source_size(self.source).picture_bytes
        return sides_far_below(self.facts, picture_bytes, target, self.options)


def opened(
    source: bytes,
    options: CompressionOptions,
    limits: Limits | None,
    facts: Probe | None,
    on_phase: OnPhase | None,
) -> Decoded:
    """A source by its header, to be decoded for what is asked; TaskFailure for what is no picture or over a limit.

    Of an animation the first frame will do for a set of widths.
    """
    limits, is_set = limits or Limits(), bool(options.widths)
    facts = facts or probe(source, limits)
    options = replace(options.aiming_at(DEFAULT_TARGET_SCORE), widths=())
    return Decoded(source, facts, options, limits, on_phase or silent, is_still=is_set)


def make(context: EncodeContext, tell: OnPhase, runs: EncoderRuns | None = None) -> FormatResult:
    """One result by the one rule. runs: of the context's encoder, where it has run already."""
    tell("searching" if context.need.setting is None else "encoding")
    runs, need = runs or context.open(context.raster), context.need
    found = evaluate(
        candidates(context, runs),
        need,
        context.budget,
        lambda attempt: meets(attempt, need, context.meter),
        memory_bytes=context.memory_bytes,
    )
    attempt = found.best or _nearest(found, need, context.options)
    if need.never_over_bytes is not None and attempt.bytes > need.never_over_bytes:
        attempt = _never_larger(context, runs, found, need.never_over_bytes) or attempt
    attempt = replace(attempt, warnings=(*attempt.warnings, *_dear_for_a_place(found, attempt, need)))
    data = _finished(context, attempt)
    compression = Compression(data, _report(context, runs, attempt, found.told(), data))
    compares_looks = bool(context.options.alternatives) and need.max_bytes is not None
    score = context.meter.score(attempt.encoded) if compares_looks and attempt.size_px is None else 0.0
    return FormatResult(compression, found.best is not None, score)


def _dear_for_a_place(found: Outcome, attempt: Attempt, need: Need) -> tuple[str, ...]:
    """What a result is so large for, where a much smaller one fell short for a place alone."""
    if found.refused is None or attempt.bytes < _MUCH_LARGER * found.refused[0]:
        return ()
    refused_bytes, worst = found.refused
    place = f"{worst.measure.value} {need.excess(worst):.1f} times what it may have, at {worst.left_px}, {worst.top_px}"
    return (f"an encode of {refused_bytes} bytes was refused for one place: {place}",)


def _nearest(found: Outcome, need: Need, options: CompressionOptions) -> Attempt:
    """What there is where nothing meets the need: for a quality or a score what comes nearest, for a size nothing."""
    if need.max_bytes is not None and options.max_bytes is not None:
        raise TaskFailure(
            TaskState.NOT_MEETING_REQUIREMENTS,
            f"Even the lowest quality at these dimensions takes more than {options.max_bytes / KBYTE:g} KB: "
            "ask for a larger size, or for a smaller width or height.",
        )
    if found.nearest is None:
        raise TaskFailure(TaskState.EMPTY_RESULT)
    attempt = found.nearest(found.is_out_of_time)
    found.take(attempt, "what comes nearest")
    return attempt


def silent(phase: str) -> None:
    """Nobody listens."""
    del phase


def begun(decoded: Decoded, options: CompressionOptions, budget: Budget) -> tuple[EncodeContext, EncoderRuns]:
    """The context of the only result and its encoder; of fewer pixels where a size surely leaves no room for all."""
    target = decoding_target(decoded.facts, options.format)
    sides_px = decoded.sides_far_below(target)
    if sides_px is not None:
        context = begin_with(decoded, decoded.picture(target, sides_px), options, budget)
        runs = context.open(context.raster)
        if leaves_no_whole(context, runs):
            return context, runs
    context = begin(decoded, options, budget)
    return context, context.open(context.raster)


def begin(
    decoded: Decoded, options: CompressionOptions, budget: Budget, later: Sequence[OutputFormat] = ()
) -> EncodeContext:
    """The context of one result from the whole picture. later: formats that are still to be made of it."""
    picture = decoded.picture(decoding_target(decoded.facts, options.format))
    pixels = picture.pixels.shape[0] * picture.pixels.shape[1]
    return begin_with(decoded, picture, options, budget, [(one, pixels) for one in later])


def begin_with(
    decoded: Decoded,
    picture: Picture,
    options: CompressionOptions,
    budget: Budget,
    later: Sequence[tuple[OutputFormat, int]] = (),
) -> EncodeContext:
    """The context of one result from these pixels. later: formats and pixels of those still to be made."""
    source, facts = decoded.source, decoded.facts
    raster = Raster.of(picture)
    target = options.format or recommend(facts, raster, options)
    if not raster.is_transparent or not target.facts.has_alpha:
        raster = raster.opaque()
    picture = replace(picture, pixels=raster.pixels)  # not the decoder's as well, where the alpha was left out
    # Of formats that are tried by turns none takes the time of those after it.
    budget = budget.reserving(sum(pixels * WHOLE_CPU_S[one] for one, pixels in later))
    effort = budget.effort(raster.total_pixels)
    if effort is not Effort.FULL:
        trim_malloc()
    beside = carried_beside(source, options, picture, target)
    return EncodeContext(source, options, picture, raster, codec_for(target), effort, budget, beside)


def _never_larger(context: EncodeContext, runs: EncoderRuns, found: Outcome, most_bytes: int) -> Attempt | None:
    """With format and dimensions unchanged: the source's file, or what of a lossy encode is no larger than that."""
    kept = context.kept_file()
    if kept is not None:
        attempt = Attempt(Kind.SOURCE, kept)
    else:
        within = largest_within(runs, context.raster.total_pixels, most_bytes)
        if within is None:
            return None
        attempt = Attempt(Kind.LOSSY, within)
    found.take(attempt, "no larger than the source")
    return attempt


def _finished(context: EncodeContext, attempt: Attempt) -> bytes:
    """The result with what it carries beside its pixels; still never larger than its source, nor than a size."""
    most = min((one for one in (context.options.max_bytes, _most_bytes(context)) if one is not None), default=None)
    if _keeps_credentials(context, attempt, most):
        return context.source
    data, beside = context.known_again(attempt.encoded, most), context.beside
    if attempt.size_px is not None:  # smaller sides than were planned, as EXIF has to say
        facts, keep = context.picture.probe, context.options.keep
        metadata = kept_metadata(context.source, facts, keep, context.codec.format, attempt.size_px)
        beside = replace(beside, metadata=metadata)
    tries = (one.put_into(data) for one in chain((beside,), beside.fewer()))
    return next((one for one in tries if most is None or len(one) <= most), data)


def _most_bytes(context: EncodeContext) -> int | None:
    return len(context.source) if context.keeps_format_and_dimensions else None


def _keeps_credentials(context: EncodeContext, attempt: Attempt, most: int | None) -> bool:
    """Whether the file stays as it is, to the byte: content credentials hold for nothing else.

    Only where everything that it holds was asked for.
    """
    wants_all = set(context.options.keep) == set(Keep)
    return (
        wants_all
        and attempt.kind is Kind.SOURCE
        and (most is None or len(context.source) <= most)
        and Holding.C2PA in held(context.source, context.picture.probe.format)
    )


def _report(
    context: EncodeContext, runs: EncoderRuns, attempt: Attempt, considered: tuple[Considered, ...], data: bytes
) -> Report:
    facts, encoded = context.picture.probe, attempt.encoded
    width_px, height_px = attempt.size_px or (context.raster.width_px, context.raster.height_px)
    pixels = PixelFacts(
        context.picture.was_transparent,
        context.raster.has_alpha,
        context.raster.icc_profile is not None,
        context.beside.metadata.partly,
    )
    own = (AT_TARGET if context.is_at_target else ALREADY_OPTIMAL,) if attempt.kind is Kind.SOURCE else ()
    return Report(
        source_bytes=len(context.source),
        source_format=facts.format,
        source_width_px=facts.width_px,
        source_height_px=facts.height_px,
        result_bytes=len(data),
        format=context.codec.format,
        width_px=width_px,
        height_px=height_px,
        encoder=encoded.encoder,
        quality=encoded.quality,
        distance=encoded.distance,
        encodes=runs.count,
        score=attempt.score,
        effort=context.effort,
        frames=context.raster.frames,
        changes=(*context.picture.changes, *_lowered(context, attempt)),
        warnings=(*context.picture.warnings, *attempt.warnings, *own),
        lost=lost(context.source, facts, data, context.codec.format, pixels),
        considered=considered,
        worst=_worst(context, attempt),
        advice=advice(context, runs, len(data)),
    )


def _worst(context: EncodeContext, attempt: Attempt) -> WorstPlace | None:
    """Where it was looked for, or costs next to nothing beside the search."""
    if attempt.kind is not Kind.LOSSY or context.meter.is_sampled:
        return attempt.worst
    if context.need.setting is not None and not context.meter.is_at_risk:
        return None
    return next(iter(context.meter.worst(attempt.encoded)), None)


def _lowered(context: EncodeContext, attempt: Attempt) -> tuple[str, ...]:
    """Whether a quality that was asked for was lowered."""
    asked, used = context.need.setting, context.setting
    if attempt.kind is not Kind.LOSSY or asked is None or used is None or used >= asked:
        return ()
    return (f"quality lowered from {asked:g} to {used:g}, the source's own",)
