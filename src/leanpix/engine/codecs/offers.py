"""What a codec offers to make of a picture, before anything is made: facts in, offers with estimates out, no pixels.

A codec says what it can make, how small that may be and what it costs. Which offers are taken, in which order, and when
to stop is decided by `goals.evaluate` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from leanpix.domain.formats import SourceFormat
from leanpix.engine.codecs.priors import SEARCHED_LEAST, STORED_SHARE, Prior
from leanpix.engine.reading.headers.jpeg_packing import JpegPacking


class Kind(IntEnum):
    """How much is lost, least first: it decides between results of equal size, and which is the best within a size."""

    SOURCE = 0
    LOSSLESS = 1
    LOSSY = 2
    SMALLER_SIDES = 3


class Basis(StrEnum):
    """What an estimate rests on."""

    HEADER = "header"
    PRIOR = "prior"
    SAMPLE = "sample"


class Refinement(StrEnum):
    """A dearer estimate. STRIPS: this and the lossy encode, of strips; QUICK_PACK: the source's file at level 0."""

    STRIPS = "strips"
    QUICK_PACK = "quick pack"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an encode comes to. least_bytes decides whether it can win at all, likely_bytes the order."""

    least_bytes: float
    likely_bytes: float
    cpu_s: float = 0.0
    memory_bytes: float = 0.0
    basis: Basis = Basis.PRIOR


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to a result. name: as the report shows it. over_lossy: its bytes as a share of a lossy encode's."""

    kind: Kind
    name: str
    estimate: Estimate
    over_lossy: Prior | None = None
    refinement: Refinement | None = None


@dataclass(frozen=True, slots=True)
class SourceSize:
    """What of a source's file is the picture, and what its samples take unpacked (0: its format does not say).

    packing: how a JPEG is packed; None: it is none, or was not looked at. is_searched: its encoder says that it looked
    for what repeats, and did not only write it quickly.
    """

    picture_bytes: int
    samples_bytes: int = 0
    packing: JpegPacking | None = None
    is_searched: bool = False

    @property
    def is_stored(self) -> bool:
        """Whether the samples lie there as they are, or nearly so: what packing leaves of them nobody can tell."""
        return self.picture_bytes > STORED_SHARE * self.samples_bytes > 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a picture before anything is encoded.

    pixels: of all frames. source_bytes: of its file. usable_source: that file, where a result is made of it: it shows
    the same picture in the same dimensions, in a format of whose files the codec makes results. needs_lossless: the
    quality asked for allows no loss. looks_drawn: whether every pixel kept may be the smallest result, which takes a
    look at pixels: asked where the format has such a result. searched_bytes: what the same pixels, every one kept, take
    in the source's file where that was packed with care, else 0. bytes_a_pixel: of a lossy encode at the setting that
    is likely to be needed, as it typically is.
    """

    pixels: int
    source_bytes: int
    is_source_lossless: bool = False
    usable_source: SourceSize | None = None
    needs_lossless: bool = False
    looks_drawn: Callable[[], bool] = bool
    bytes_a_pixel: float = 0.5
    searched_bytes: int = 0
    frames: int = 1
    source_format: SourceFormat | None = None

    @property
    def is_screen_content(self) -> bool:
        """Whether every pixel kept may be the smallest result."""
        return self.looks_drawn()


def repacked_source(prior: Prior, facts: Facts, refinement: Refinement | None = None) -> Iterator[Offer]:
    """The source's own file, repacked without loss, where it may stand in for the result."""
    if facts.usable_source is not None:
        of_bytes = facts.usable_source.picture_bytes
        cpu_s = prior.cpu_s * facts.pixels
        estimate = Estimate(prior.least * of_bytes, prior.likely * of_bytes, cpu_s, basis=Basis.HEADER)
        yield Offer(Kind.SOURCE, "repacked source", estimate, refinement=refinement)


def lossy(name: str, prior: Prior, facts: Facts) -> Iterator[Offer]:
    """One lossy encode, or as many as a search takes; nearly always less than the source's file of the same format."""
    if facts.needs_lossless:
        return
    likely = facts.bytes_a_pixel * facts.pixels
    if facts.usable_source is not None:
        likely = min(likely, prior.likely * facts.usable_source.picture_bytes)
    yield Offer(Kind.LOSSY, name, _estimate(prior, facts, likely))
    yield Offer(Kind.SMALLER_SIDES, "smaller sides", _estimate(prior, facts, likely))


def lossless(screen_content: Prior, photograph: Prior, facts: Facts) -> Iterator[Offer]:
    """Every pixel, coded anew: at most a lossless source; of photographs several lossy encodes."""
    prior = screen_content if facts.is_screen_content else photograph
    bytes_a_pixel = prior.bytes_a_pixel if facts.is_screen_content else prior.likely * facts.bytes_a_pixel
    likely = bytes_a_pixel * facts.pixels
    likely = min(likely, facts.source_bytes) if facts.is_source_lossless else likely
    refinement = Refinement.STRIPS if facts.is_screen_content else None
    least = SEARCHED_LEAST * facts.searched_bytes
    estimate = replace(_estimate(prior, facts, max(likely, least)), least_bytes=least)
    yield Offer(Kind.LOSSLESS, "lossless", estimate, prior, refinement)


def _estimate(prior: Prior, facts: Facts, likely_bytes: float) -> Estimate:
    return Estimate(0, likely_bytes, prior.cpu_s * facts.pixels, prior.memory_a_pixel * facts.pixels)
