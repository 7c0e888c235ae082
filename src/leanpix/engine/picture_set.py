"""A set from one source: several widths in several formats, decoded once, each size made from the whole picture."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat
from leanpix.domain.report import Compression, Report, SetImage
from leanpix.domain.request import CompressionOptions
from leanpix.engine.budget import Budget
from leanpix.engine.codecs.base import Raster
from leanpix.engine.compress import Decoded, OnPhase, begin_with, make, opened
from leanpix.engine.content.placeholder import placeholder_of
from leanpix.engine.facts import Limits
from leanpix.engine.goals.plan import alternatives, decoding_target, recommend
from leanpix.engine.reading.loaders.base import from_array
from leanpix.engine.reading.picture import Picture
from leanpix.engine.reading.probe import Probe
from leanpix.engine.shape import transform

_MOST_CONSIDERED = 64
_LOCAL_HEAD_BYTES = 30
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""A ZIP's first moment: the same set gives the same bytes."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One picture of the set."""

    width_px: int
    height_px: int
    format: OutputFormat

    @property
    def name(self) -> str:
        return f"{self.width_px}.{self.format.value}"


def compress_set(  # noqa: PLR0913 - as compress
    source: bytes,
    options: CompressionOptions,
    limits: Limits | None = None,
    *,
    facts: Probe | None = None,
    budget: Budget | None = None,
    on_phase: OnPhase | None = None,
) -> Compression:
    """A ZIP, not packed, of all pictures and `manifest.json`; the report is the first picture's, with all of them.

    options: widths, in the formats of its alternatives or its format; those that would lose transparency take no part.
    Widths above the source's are its own: nothing is enlarged. Raises TaskFailure as compress does.
    """
    decoded, budget = opened(source, options, limits, facts, on_phase), budget or Budget()

    wanted = list(_wanted(decoded, options.widths))
    made = list[tuple[_Wanted, Compression]]()
    sized: dict[tuple[int, bool], Picture] = {}
    for place, one in enumerate(wanted):
        whole = decoded.picture(one.format)
        kind = (one.width_px, whole.has_alpha)
        if kind not in sized:
            sized = {kind: _at_size(whole, one.width_px, one.height_px)}
        asked = replace(decoded.options, alternatives=(), format=one.format, width_px=one.width_px)
        later_pixels = [(rest.format, rest.width_px * rest.height_px) for rest in wanted[place + 1 :]]
        context = begin_with(decoded, sized[kind], asked, budget, later_pixels)
        made.append((one, make(context, decoded.tell).compression))

    placeholder = placeholder_of(decoded.picture(wanted[0].format).pixels)
    images = tuple(
        SetImage(
            one.name,
            result.report.width_px,
            result.report.height_px,
            one.format,
            len(result.data),
            result.report.score,
            offset,
        )
        for (one, result), offset in zip(made, _offsets(made), strict=True)
    )
    data = _bundle(made, replace(made[0][1].report, images=images, placeholder=placeholder))
    considered = tuple(way for _, result in made for way in result.report.considered)[:_MOST_CONSIDERED]
    warnings = tuple(dict.fromkeys(text for _, result in made for text in result.report.warnings))
    changes = tuple(dict.fromkeys(text for _, result in made for text in result.report.changes))
    report = replace(
        made[0][1].report,
        result_bytes=len(data),
        encodes=sum(result.report.encodes for _, result in made),
        images=images,
        placeholder=placeholder,
        considered=considered,
        warnings=warnings,
        changes=changes,
    )
    return Compression(data, report)


def _wanted(decoded: Decoded, widths: tuple[int, ...]) -> Iterator[_Wanted]:
    """Format by format within a width, the widths from the smallest up."""
    options = decoded.options
    whole = decoded.picture(decoding_target(decoded.facts, options.format or next(iter(options.alternatives), None)))
    if options.alternatives:
        formats = alternatives(decoded.facts, options)
    elif options.format is not None:
        formats = (options.format,)
    else:
        own = decoded.facts.format.same_output
        formats = (own if own in STANDARD_FORMATS else recommend(decoded.facts, Raster.of(whole), options),)
    for width_px in sorted({min(width, whole.width_px) for width in widths}):
        height_px = max(1, round(whole.height_px * width_px / whole.width_px))
        for form in formats:
            yield _Wanted(width_px, height_px, form)


def _at_size(whole: Picture, width_px: int, height_px: int) -> Picture:
    """From the whole picture, never from another size of it."""
    if (width_px, height_px) == (whole.width_px, whole.height_px):
        return whole
    resized = transform.resize(from_array(whole.pixels), width_px, height_px)
    pixels = np.frombuffer(resized.write_to_memory(), np.uint8).reshape(height_px, width_px, resized.bands)
    return replace(whole, pixels=pixels, width_px=width_px, height_px=height_px)


def _offsets(made: list[tuple[_Wanted, Compression]]) -> Iterator[int]:
    """Where each picture's bytes begin: a ZIP that is not packed has a head and the name before each."""
    end = 0
    for one, result in made:
        begin = end + _LOCAL_HEAD_BYTES + len(one.name)
        yield begin
        end = begin + len(result.data)


def _bundle(made: list[tuple[_Wanted, Compression]], report: Report) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for one, result in made:
            archive.writestr(zipfile.ZipInfo(one.name, _LONG_AGO), result.data)
        manifest = json.dumps(report.manifest(), indent=2) + "\n"
        archive.writestr(zipfile.ZipInfo("manifest.json", _LONG_AGO), manifest)
    return written.getvalue()
