"""One compression from bytes to bytes: probe, decode, encode towards a goal, never larger than the source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Compression, Report
from leanpix.domain.request import DEFAULT_TARGET_SCORE, CompressionOptions
from leanpix.engine.budget import Budget, Effort
from leanpix.engine.codecs import codec_for
from leanpix.engine.codecs.base import Raster
from leanpix.engine.codecs.exif_marks import with_exif
from leanpix.engine.facts import Limits
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.fitting import largest_within
from leanpix.engine.goals.outcome import EncoderRuns, Outcome
from leanpix.engine.goals.plan import alternatives, decoding_target, recommend
from leanpix.engine.goals.strategies import by_quality, by_score, by_size
from leanpix.engine.malloc_trim import trim_malloc
from leanpix.engine.reading.decode import load
from leanpix.engine.reading.headers.exif_fields import kept_fields
from leanpix.engine.reading.probe import Probe, exif_block, probe

OnPhase = Callable[[str], None]

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
    tell, limits, budget = on_phase or _silent, limits or Limits(), budget or Budget()
    facts = facts or probe(source, limits)
    options = options.aiming_at(DEFAULT_TARGET_SCORE)

    def made(asked: CompressionOptions) -> Compression:
        tell("decoding")
        return _compress(_begin(source, facts, asked, limits, budget), tell)

    if not options.alternatives:
        return made(options)
    tries = (made(replace(options, format=one)) for one in alternatives(facts, options))
    return min(tries, key=lambda done: len(done.data))


def _compress(job: EncodeContext, tell: OnPhase) -> Compression:
    tell("searching" if job.options.quality is None else "encoding")
    trials = job.open(job.raster)
    outcome = _never_larger(job, trials, _reach(job, trials))
    data = _with_metadata(job, outcome.encoded.data)
    return Compression(data, _report(job, trials, outcome, len(data)))


def _silent(phase: str) -> None:
    """Nobody listens."""
    del phase


def _begin(source: bytes, facts: Probe, options: CompressionOptions, limits: Limits, budget: Budget) -> EncodeContext:
    picture = load(source, facts, options, decoding_target(facts, options.format), limits)
    raster = Raster.of(picture)
    target = options.format or recommend(facts, raster)
    if not raster.is_transparent or target is OutputFormat.JPG:
        raster = raster.opaque()
    picture = replace(picture, pixels=raster.pixels)  # not the decoder's as well, where the alpha was left out
    effort = budget.effort(raster.total_pixels)
    if effort is not Effort.FULL:
        trim_malloc()
    return EncodeContext(source, options, picture, raster, codec_for(target), effort, budget)


def _reach(job: EncodeContext, trials: EncoderRuns) -> Outcome:
    if job.options.max_bytes is not None:
        return by_size(job, trials, job.options.max_bytes)
    if job.options.quality is not None:
        return by_quality(job, trials, job.options.quality)
    return by_score(job, trials, job.options.target_score or DEFAULT_TARGET_SCORE)


def _never_larger(job: EncodeContext, trials: EncoderRuns, outcome: Outcome) -> Outcome:
    """With format and dimensions unchanged no result leaves here that is larger than its source."""
    most = len(job.source)
    if len(outcome.encoded.data) <= most or not job.keeps_format_and_dimensions:
        return outcome
    kept = job.kept_file() or largest_within(trials, job.raster.total_pixels, most)
    return outcome if kept is None else replace(outcome, encoded=kept, score=None)


def _with_metadata(job: EncodeContext, data: bytes) -> bytes:
    """The result with what is to be preserved of the source's metadata, in its own format's place for it."""
    if not job.options.preserve:
        return data
    block = kept_fields(exif_block(job.source, job.picture.probe.format), job.options.preserve)
    return with_exif(data, job.codec.format, block) if block else data


def _report(job: EncodeContext, trials: EncoderRuns, outcome: Outcome, result_bytes: int) -> Report:
    facts, encoded = job.picture.probe, outcome.encoded
    own = (ALREADY_OPTIMAL,) if encoded is job.known_file else ()
    return Report(
        source_bytes=len(job.source),
        source_format=facts.format,
        source_width_px=facts.width_px,
        source_height_px=facts.height_px,
        result_bytes=result_bytes,
        format=job.codec.format,
        width_px=outcome.width_px,
        height_px=outcome.height_px,
        encoder=encoded.encoder,
        quality=encoded.quality,
        distance=encoded.distance,
        encodes=trials.count,
        score=outcome.score,
        effort=job.effort,
        frames=job.raster.frames,
        changes=job.picture.changes,
        warnings=(*job.picture.warnings, *outcome.warnings, *own),
    )
