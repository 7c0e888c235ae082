"""Which encodes are made of a picture, in which order and why not the others: facts in, names and reasons out.

No pixel is looked at: the offers are the formats' own, and an encoder that only knows its sizes stands for theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.request import CompressionOptions
from leanpix.domain.worst_place import Measure
from leanpix.engine.budget import Budget, Effort
from leanpix.engine.codecs import codec_for
from leanpix.engine.codecs.base import Encoded, Goal, Mend, Raster
from leanpix.engine.codecs.beside import Beside
from leanpix.engine.codecs.need import Verdict
from leanpix.engine.codecs.offers import Facts, Offer, SourceSize
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.facts import Probe
from leanpix.engine.goals.candidates import candidates
from leanpix.engine.goals.context import EncodeContext
from leanpix.engine.goals.evaluate import Attempt, evaluate
from leanpix.engine.reading.headers.jpeg_packing import JpegPacking
from leanpix.engine.reading.picture import Picture

JPG, PNG, WEBP = OutputFormat.JPG, OutputFormat.PNG, OutputFormat.WEBP
SCREENSHOT, LARGE_SCREENSHOT, SMALL = (1920, 1080), (4096, 4096), (640, 480)
NEVER = 101
RATES, SCORES = PriorCurve(((0, -2.0), (100, 1.3))), PriorCurve(((0, 0.0), (100, 92.0)))
QUALITY_80 = CompressionOptions(quality=80)
STRIPS_ROWS = 192


@dataclass(frozen=True)
class Sizes:
    """What the encodes of a picture come to, in bytes. on_strips: a share of lossy and of lossless, by the strips.

    slower: every pixel by the slower encoder; None: there is none.
    """

    lossy: int = 1000
    lossless: int | None = 1000
    repacked: int | None = 1000
    at_level_0: int = 2000
    on_strips: tuple[float, float] = (1.0, 1.0)
    lossy_s: float = 0.0
    lossless_s: float = 0.0
    slower: int | None = None


@dataclass
class SettableClock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(frozen=True)
class ToldEncoder:
    """Knows its sizes; they grow by a tenth for each ten of its parameter, which is a quality."""

    raster: Raster
    sizes: Sizes
    clock: SettableClock
    is_screen_content: bool = False
    lossless_from: int = NEVER
    most_score: float = 100.0
    is_sample: bool = False
    rates: PriorCurve = RATES
    scores: PriorCurve = SCORES

    def on(self, raster: Raster) -> ToldEncoder:
        return replace(self, raster=raster, is_sample=True)

    def mends(self) -> tuple[Mend, ...]:
        return ()

    def param_for(self, quality: float) -> float:
        return quality

    def least_score(self, quality: float) -> None:
        del quality

    def preview(self, parameter: float) -> None:
        del parameter

    def to_grid(self, parameter: float) -> float:
        return float(round(parameter))

    def slower_presets(self) -> tuple[ToldEncoder, ...]:
        if self.sizes.slower is None:
            return ()
        return (replace(self, sizes=replace(self.sizes, lossless=self.sizes.slower, slower=None)),)

    def encode(self, parameter: float) -> Encoded:
        size = self.sizes.lossy * (self.sizes.on_strips[0] if self.is_sample else 1)
        size *= self._scale() * 1.1 ** ((parameter - 80) / 10)
        self.clock.now_s += self.sizes.lossy_s * self._scale()
        return Encoded(bytes(round(size)), "told", quality=parameter)

    def lossless(self) -> Encoded | None:
        self.clock.now_s += self.sizes.lossless_s * self._scale()
        if self.sizes.lossless is None:
            return None
        size = self.sizes.lossless * (self.sizes.on_strips[1] if self.is_sample else 1) * self._scale()
        return Encoded(bytes(round(size)), "told lossless", is_lossless=True)

    def _scale(self) -> float:
        return STRIPS_ROWS / LARGE_SCREENSHOT[1] if self.is_sample and self.raster.width_px > 2000 else 1.0


@dataclass(frozen=True)
class ToldCodec:
    """A format's own offers over an encoder that is told its sizes."""

    format: OutputFormat
    encoder: ToldEncoder
    source: SourceSize
    unmendable = frozenset[Measure]()
    has_near_lossless = False
    counts_repacking = False

    @property
    def takes_file_of(self) -> frozenset[SourceFormat]:
        return frozenset({SourceFormat(self.format.value)})

    def open(self, raster: Raster, effort: Effort, goal: Goal) -> ToldEncoder:
        del raster, effort, goal
        return self.encoder

    def promised_score(self, raster: Raster, quality: float) -> None:
        del raster, quality

    def source_size(self, source: bytes) -> SourceSize:
        del source
        return self.source

    def offers(self, facts: Facts) -> Iterator[Offer]:
        return codec_for(self.format).offers(facts)

    def without_profile(self, source: bytes) -> bytes:
        return source

    def stripped(self, source: bytes) -> bytes:
        return source

    def repack(
        self, source: bytes, effort: Effort, most_cpu_s: float = math.inf, most_bytes: int | None = None
    ) -> Encoded | None:
        del source, most_cpu_s, most_bytes
        size = self.encoder.sizes.at_level_0 if effort is Effort.MINIMAL else self.encoder.sizes.repacked
        return None if size is None else Encoded(bytes(size), "told repack", is_lossless=True)


@dataclass(frozen=True)
class Case:
    """A picture and what is asked of it."""

    target: OutputFormat
    source: SourceFormat
    size_px: tuple[int, int] = SMALL
    source_bytes: int = 2000
    asked: CompressionOptions = QUALITY_80
    sizes: Sizes = Sizes()
    is_screen_content: bool = False
    source_quality: int | None = None
    is_stored: bool = False
    packing: JpegPacking | None = None
    clock: SettableClock = field(default_factory=SettableClock)

    def decided(self) -> list[tuple[str, str]]:
        """Names and decisions in the order in which they were decided."""
        width, height = self.size_px
        pixels = np.broadcast_to(np.uint8(0), (height, width, 3))
        probe = Probe(self.source, width, height, quality=self.source_quality)
        probe = replace(probe, is_lossless=self.source is not SourceFormat.JPG)
        encoder = ToldEncoder(Raster(pixels), self.sizes, self.clock, self.is_screen_content)
        if self.target is PNG:
            encoder = replace(encoder, lossless_from=100)
        samples = self.source_bytes if self.is_stored else 10 * self.source_bytes
        codec = ToldCodec(self.target, encoder, SourceSize(self.source_bytes, samples, self.packing))
        context = EncodeContext(
            bytes(self.source_bytes),
            self.asked,
            Picture(pixels, width, height, probe),
            Raster(pixels),
            codec,
            Effort.FULL,
            Budget(clock=self.clock),
            Beside(self.target),
        )
        context.need = replace(context.need, room=None)  # nothing here can be decoded
        runs = context.open(context.raster)
        found = evaluate(candidates(context, runs), context.need, context.budget, self._meets(context))
        return [(one.name.removeprefix(f"{self.target} "), one.decision.value) for one in found.told()]

    @staticmethod
    def _meets(context: EncodeContext) -> Callable[[Attempt], Verdict]:
        most = context.need.max_bytes
        return lambda attempt: Verdict(passes=most is None or attempt.bytes <= most)


def to_size(max_bytes: int, **more: int) -> CompressionOptions:
    return CompressionOptions(max_bytes=max_bytes, **more)  # type: ignore[arg-type] # widths only


TABLE = {
    "a JPEG far smaller than its source is not packed again": (
        Case(JPG, SourceFormat.JPG, sizes=Sizes(lossy=959)),
        [("lossy", "taken"), ("repacked source", "cannot win")],
    ),
    "a JPEG with tables of its own is not from four fifths on": (
        Case(JPG, SourceFormat.JPG, packing=JpegPacking.OWN_TABLES, sizes=Sizes(lossy=1629, repacked=1600)),
        [("lossy", "taken"), ("repacked source", "cannot win")],
    ),
    "a progressive one neither": (
        Case(JPG, SourceFormat.JPG, packing=JpegPacking.STANDARD_SCANS, sizes=Sizes(lossy=1559, repacked=1500)),
        [("lossy", "taken"), ("repacked source", "cannot win")],
    ),
    "one whose scans were searched for only near its own bytes": (
        Case(JPG, SourceFormat.JPG, packing=JpegPacking.OTHER_SCANS, sizes=Sizes(lossy=1899, repacked=1800)),
        [("lossy", "taken"), ("repacked source", "cannot win")],
    ),
    "and then it is": (
        Case(JPG, SourceFormat.JPG, packing=JpegPacking.OTHER_SCANS, sizes=Sizes(lossy=1901, repacked=1900)),
        [("lossy", "made"), ("repacked source", "taken")],
    ),
    "a JPEG near its source is, and the smaller one is taken": (
        Case(JPG, SourceFormat.JPG, sizes=Sizes(lossy=1501, repacked=1500)),
        [("lossy", "made"), ("repacked source", "taken")],
    ),
    "of equals the source's pixels are taken": (
        Case(JPG, SourceFormat.JPG, sizes=Sizes(lossy=1600, repacked=1600)),
        [("lossy", "made"), ("repacked source", "taken")],
    ),
    "a source that cannot be packed again leaves the encode": (
        Case(JPG, SourceFormat.JPG, sizes=Sizes(lossy=1900, repacked=None)),
        [("lossy", "taken"), ("repacked source", "fell short")],
    ),
    "another format's JPEG is encoded": (Case(JPG, SourceFormat.PNG), [("lossy", "taken")]),
    "a photograph is not made without loss beside a lossy encode": (
        Case(WEBP, SourceFormat.PNG, sizes=Sizes(lossless=10)),
        [("lossy", "taken"), ("lossless", "cannot win")],
    ),
    "a WebP's own file is known to the byte": (
        Case(WEBP, SourceFormat.WEBP, sizes=Sizes(lossy=1999)),
        [("lossy", "taken"), ("repacked source", "cannot win")],
    ),
    "small screen content is made both ways": (
        Case(WEBP, SourceFormat.PNG, is_screen_content=True, sizes=Sizes(lossy=900, lossless=800)),
        [("lossy", "made"), ("lossless", "taken")],
    ),
    "what is the smallest without loss is tried once more by a slower encoder": (
        Case(WEBP, SourceFormat.PNG, is_screen_content=True, sizes=Sizes(lossy=900, lossless=800, slower=780)),
        [("lossy", "made"), ("lossless", "made"), ("lossless, slower", "taken")],
    ),
    "which is not taken where it comes to more": (
        Case(WEBP, SourceFormat.PNG, is_screen_content=True, sizes=Sizes(lossy=900, lossless=800, slower=801)),
        [("lossy", "made"), ("lossless", "taken"), ("lossless, slower", "made")],
    ),
    "nor made where the lossy encode is smaller by more than it saves": (
        Case(WEBP, SourceFormat.PNG, is_screen_content=True, sizes=Sizes(lossy=700, lossless=800, slower=780)),
        [("lossy", "taken"), ("lossless", "made"), ("lossless, slower", "cannot win")],
    ),
    "nor of many pixels": (
        Case(
            *(WEBP, SourceFormat.PNG, SCREENSHOT),
            is_screen_content=True,
            sizes=Sizes(lossy=900, lossless=800, slower=780),
        ),
        [("lossy", "made"), ("lossless", "taken")],
    ),
    "nor to a size, which needs no fewer bytes": (
        Case(
            *(WEBP, SourceFormat.PNG),
            is_screen_content=True,
            asked=to_size(2100),
            sizes=Sizes(lossless=2000, slower=1900),
        ),
        [("lossless", "taken"), ("lossy", "cannot win"), ("smaller sides", "cannot win")],
    ),
    "9 MP of screen content that was packed well is not made without loss where strips say that it is far larger": (
        Case(
            *(WEBP, SourceFormat.PNG, (3600, 2500), 1_100_000),
            is_screen_content=True,
            sizes=Sizes(lossy=500_000, lossless=1_100_000),
        ),
        [("lossy", "taken"), ("lossless", "cannot win")],
    ),
    "2 MP of screen content whose file was packed badly is weighed on strips and made without loss": (
        Case(
            *(WEBP, SourceFormat.BMP, SCREENSHOT, 6_220_000),
            is_screen_content=True,
            sizes=Sizes(lossy=183_680, lossless=50_202),
        ),
        [("lossy", "made"), ("lossless", "taken")],
    ),
    "the same, where strips say that it is far larger": (
        Case(
            *(WEBP, SourceFormat.BMP, SCREENSHOT, 6_220_000),
            is_screen_content=True,
            sizes=Sizes(lossy=50_000, lossless=200_000),
        ),
        [("lossy", "taken"), ("lossless", "cannot win")],
    ),
    "17 MP: what is far smaller on strips is made alone": (
        Case(
            *(WEBP, SourceFormat.PNG, LARGE_SCREENSHOT, 300_000),
            is_screen_content=True,
            sizes=Sizes(lossy=150_000, lossless=60_000),
        ),
        [("lossless", "taken"), ("lossy", "cannot win")],
    ),
    "17 MP: what is a little smaller on strips is made first": (
        Case(
            *(WEBP, SourceFormat.PNG, LARGE_SCREENSHOT, 300_000),
            is_screen_content=True,
            sizes=Sizes(lossy=100_000, lossless=90_000),
        ),
        [("lossless", "taken"), ("lossy", "made")],
    ),
    "17 MP: what is larger on strips comes second": (
        Case(
            *(WEBP, SourceFormat.PNG, LARGE_SCREENSHOT, 300_000),
            is_screen_content=True,
            sizes=Sizes(lossy=100_000, lossless=120_000),
        ),
        [("lossy", "taken"), ("lossless", "made")],
    ),
    "17 MP: the second is left out where its strips say that there is no time": (
        Case(
            *(WEBP, SourceFormat.PNG, LARGE_SCREENSHOT, 300_000),
            is_screen_content=True,
            sizes=Sizes(lossy=100_000, lossless=90_000, lossy_s=20, lossless_s=8),
        ),
        [("lossless", "taken"), ("lossy", "no time")],
    ),
    "a PNG that a palette beats by far is packed quickly and given up": (
        Case(PNG, SourceFormat.PNG, sizes=Sizes(lossy=999, at_level_0=2000)),
        [("palette", "taken"), ("repacked source", "cannot win")],
    ),
    "a PNG that was packed badly is found out by packing it quickly": (
        Case(PNG, SourceFormat.PNG, sizes=Sizes(lossy=999, at_level_0=1200, repacked=900)),
        [("palette", "made"), ("repacked source", "taken")],
    ),
    "a large PNG is believed to have been packed": (
        Case(PNG, SourceFormat.PNG, SCREENSHOT, sizes=Sizes(lossy=999, repacked=900)),
        [("palette", "taken"), ("repacked source", "cannot win")],
    ),
    "a large PNG whose samples are stored is not": (
        Case(PNG, SourceFormat.PNG, SCREENSHOT, is_stored=True, sizes=Sizes(lossy=999, at_level_0=1200, repacked=900)),
        [("palette", "made"), ("repacked source", "taken")],
    ),
    "PNG at quality 100 is the source packed anew": (
        Case(PNG, SourceFormat.PNG, asked=CompressionOptions(quality=100)),
        [("repacked source", "taken")],
    ),
    "or every pixel coded anew where that fails": (
        Case(PNG, SourceFormat.PNG, asked=CompressionOptions(quality=100), sizes=Sizes(repacked=None)),
        [("repacked source", "fell short"), ("lossless", "taken")],
    ),
    "to a size the source's file is the best there is": (
        Case(JPG, SourceFormat.JPG, asked=to_size(1950), sizes=Sizes(repacked=1900)),
        [("repacked source", "taken"), ("lossy", "cannot win"), ("smaller sides", "cannot win")],
    ),
    "to a size that it cannot fit it is not tried": (
        Case(JPG, SourceFormat.JPG, asked=to_size(950), sizes=Sizes(lossy=950)),
        [("lossy", "taken"), ("repacked source", "cannot win"), ("smaller sides", "cannot win")],
    ),
    "to a size that it is unlikely to fit it is tried last": (
        Case(JPG, SourceFormat.JPG, asked=to_size(1600), sizes=Sizes(lossy=1600, repacked=1601)),
        [("lossy", "taken"), ("repacked source", "fell short"), ("smaller sides", "cannot win")],
    ),
    "to a size screen content keeps every pixel where that fits": (
        Case(WEBP, SourceFormat.PNG, is_screen_content=True, asked=to_size(2100), sizes=Sizes(lossless=2000)),
        [("lossless", "taken"), ("lossy", "cannot win"), ("smaller sides", "cannot win")],
    ),
    "to a size with room a photograph keeps every pixel too": (
        Case(WEBP, SourceFormat.JPG, asked=to_size(9000), sizes=Sizes(lossy=3000, lossless=8000)),
        [("lossy", "made"), ("lossless", "taken"), ("smaller sides", "cannot win")],
    ),
    "to a size without that room it does not": (
        Case(WEBP, SourceFormat.JPG, asked=to_size(9000), sizes=Sizes(lossy=7000, lossless=8000)),
        [("lossy", "taken"), ("lossless", "cannot win"), ("smaller sides", "cannot win")],
    ),
    "where sides are asked for no smaller ones are offered": (
        Case(WEBP, SourceFormat.JPG, asked=to_size(5, width_px=SMALL[0])),
        [("lossy", "fell short"), ("lossless", "fell short")],
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_which_encodes_are_made_in_which_order_and_why_not_the_others(case: str) -> None:
    given, decided = TABLE[case]
    assert given.decided() == decided
