"""A picture's file beside its reference's: the score, the worst place, and a map of where it looks how bad."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import MAP_FORMAT, Kept
from leanpix.domain.pair import split_pair
from leanpix.domain.report import Compression, Report
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.engine.facts import Limits, Probe, damaged
from leanpix.engine.judging.comparison import compare, heat_map
from leanpix.engine.reading.decode import load
from leanpix.engine.reading.loaders.base import from_array
from leanpix.engine.reading.picture import Picture
from leanpix.engine.reading.probe import probe

REFERENCE, PICTURE = "reference", "image"
ENCODER = "comparison"
_AS_SHOWN = CompressionOptions(keep=())
"""In sRGB, whatever profile it has."""

_PNG_EFFORT = 2


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files whose headers are known."""

    reference: bytes
    picture: bytes
    reference_facts: Probe
    picture_facts: Probe


def opened_pair(source: bytes, limits: Limits | None = None) -> Pair:
    """The two files in a source (domain.pair), by their headers.

    Raises TaskFailure: INVALID_IMAGE for what is no readable picture, which one is told; NOT_MEETING_REQUIREMENTS over
    a limit, or where their sides differ.
    """
    files, limits = split_pair(source), limits or Limits()
    if files is None:
        raise damaged("it does not hold two pictures")
    facts = [_probed(content, name, limits) for content, name in zip(files, (REFERENCE, PICTURE), strict=True)]
    _check_sides(*((one.width_px, one.height_px) for one in facts))
    return Pair(*files, *facts)


def compared(pair: Pair, limits: Limits | None = None) -> Compression:
    """The map as a PNG; the report tells the score and the worst place. Of animations the first frames are compared.

    Raises TaskFailure: INVALID_IMAGE for a damaged picture, NOT_MEETING_REQUIREMENTS where their sides differ.
    """
    limits = limits or Limits()
    reference = _loaded(pair.reference, pair.reference_facts, REFERENCE, limits)
    picture = _loaded(pair.picture, pair.picture_facts, PICTURE, limits)
    _check_sides((reference.width_px, reference.height_px), (picture.width_px, picture.height_px))

    found = compare(reference.pixels, picture.pixels)
    drawn = heat_map(reference.pixels, found.heat)
    data: bytes = from_array(drawn).pngsave_buffer(compression=_PNG_EFFORT)
    worst = next(iter(found.worst), None)
    told = [f"{name}: {text}" for name, one in ((REFERENCE, reference), (PICTURE, picture)) for text in one.warnings]
    report = Report(
        source_bytes=len(pair.reference),
        source_format=pair.reference_facts.format,
        source_width_px=pair.reference_facts.width_px,
        source_height_px=pair.reference_facts.height_px,
        result_bytes=len(data),
        format=MAP_FORMAT,
        width_px=drawn.shape[1],
        height_px=drawn.shape[0],
        encoder=ENCODER,
        encodes=0,
        score=found.score,
        warnings=tuple(told),
        worst=worst,
    )
    return Compression(data, report)


def _probed(content: bytes, name: str, limits: Limits) -> Probe:
    try:
        return probe(content, limits)
    except TaskFailure as failure:
        raise TaskFailure(failure.state, f"{name}: {failure}") from failure


def _loaded(content: bytes, facts: Probe, name: str, limits: Limits) -> Picture:
    try:
        return load(content, facts, _AS_SHOWN, Kept(frames=False, alpha=True), limits)
    except TaskFailure as failure:
        raise TaskFailure(failure.state, f"{name}: {failure}") from failure


def _check_sides(reference: tuple[int, int], picture: tuple[int, int]) -> None:
    if reference != picture:
        text = (
            f"The sides differ: the {REFERENCE} is {reference[0]} x {reference[1]} and the {PICTURE} {picture[0]} x "
            f"{picture[1]} px; only pictures of the same sides have a score."
        )
        raise TaskFailure(TaskState.NOT_MEETING_REQUIREMENTS, text)
