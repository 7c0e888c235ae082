"""The one shape that every output format has."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.worst_place import Measure, WorstPlace
from leanpix.engine.budget import Effort
from leanpix.engine.codecs.offers import Facts, Offer, SourceSize
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.reading.picture import Picture

OPAQUE = 255
_ALPHA_BANDS = (2, 4)
_GRAY_BANDS = (1, 2)


@dataclass(frozen=True, slots=True)
class Raster:
    """A picture's pixels, once in memory, as NumPy and libvips both see them without a copy.

    pixels: (frames * height, width, bands) uint8, C-contiguous; bands as in Picture.
    """

    pixels: NDArray[np.uint8]
    frames: int = 1
    delays_ms: tuple[int, ...] = ()
    loop: int = 0
    icc_profile: bytes | None = None

    @classmethod
    def of(cls, picture: Picture) -> Raster:
        """Take over a decoded picture; the caller can let go of it."""
        return cls(picture.pixels, picture.frames, picture.delays_ms, picture.loop, picture.icc_profile)

    @property
    def width_px(self) -> int:
        """One frame's width."""
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        """One frame's height."""
        return int(self.pixels.shape[0]) // self.frames

    @property
    def total_pixels(self) -> int:
        """All frames together."""
        return int(self.pixels.shape[0] * self.pixels.shape[1])

    @property
    def has_alpha(self) -> bool:
        """Whether the last band is alpha."""
        return self.pixels.shape[2] in _ALPHA_BANDS

    @property
    def colour_bands(self) -> int:
        """Bands without alpha: 1 or 3."""
        return int(self.pixels.shape[2]) - self.has_alpha

    @property
    def is_gray(self) -> bool:
        """Whether there is one colour band."""
        return self.pixels.shape[2] in _GRAY_BANDS

    @property
    def is_transparent(self) -> bool:
        """Whether any pixel is not fully opaque."""
        return self.has_alpha and bool(self.pixels[:, :, -1].min() < OPAQUE)

    def image(self) -> pyvips.Image:
        """The same memory as a libvips image, with the profile and the frames' layout attached."""
        rows, width, bands = self.pixels.shape
        image = pyvips.Image.new_from_memory(self.pixels.reshape(-1).data, width, rows, bands, "uchar")
        image = image.copy(interpretation="b-w" if self.is_gray else "srgb")
        if self.icc_profile is not None:
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", self.icc_profile)
        if self.frames > 1:
            image.set_type(pyvips.GValue.gint_type, "page-height", self.height_px)
            image.set_type(pyvips.GValue.gint_type, "n-pages", self.frames)
            image.set_type(pyvips.GValue.gint_type, "loop", self.loop)
            image.set_type(pyvips.GValue.array_int_type, "delay", list(self.delays_ms))
        return image

    def opaque(self) -> Raster:
        """The same picture without its alpha band."""
        return replace(self, pixels=np.ascontiguousarray(self.pixels[:, :, :-1])) if self.has_alpha else self

    @property
    def keep(self) -> str:
        """What libvips' savers may write beside the pixels."""
        return "icc" if self.icc_profile is not None else "none"


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoder's result; quality and distance are its own settings, None where it has none.

    shown: the pixels that a decoder makes of it, where the encoder had them for less.
    """

    data: bytes
    encoder: str
    quality: float | None = None
    distance: float | None = None
    is_lossless: bool = False
    shown: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)


def endless() -> float:
    """Time without end."""
    return math.inf


def never() -> bool:
    """Nobody is going to look."""
    return False


class OverBytesError(Exception):
    """A file would have taken more bytes than are of any use."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted of the encoder, one of three: the choice of chroma subsampling rests on it.

    left_s: the time that is left for this format, whenever that is asked. held_pixels: of the picture of which the
    raster is a smaller size; it is in memory too. is_looked_at: whether each encode's pixels are going to be looked at,
    known before the first. ValueError for two of the three.
    """

    quality: float | None = None
    bits_per_pixel: float | None = None
    score: float | None = None
    left_s: Callable[[], float] = endless
    held_pixels: int = 0
    is_looked_at: Callable[[], bool] = never

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.quality, self.bits_per_pixel, self.score)) > 1:
            raise ValueError("a goal is a quality, a rate or a score")


@dataclass(frozen=True, slots=True)
class Mend:
    """An encoder that keeps more of something, such as chroma. name: of what, as the report shows it.

    against: the kinds of damage at a place that it lessens. raises_score: it helps the picture as a whole, too.
    is_weighed: where it takes much, finer settings without it may do instead.
    """

    name: str
    encoder: Encoder
    against: frozenset[Measure] = frozenset({Measure.THIN_COLOUR, Measure.WINDOW})
    raises_score: bool = True
    is_weighed: bool = True

    def helps(self, worst: WorstPlace | None) -> bool:
        """Whether it is a means against this; None: the score of the whole falls short."""
        return self.raises_score if worst is None else worst.measure in self.against


class Encoder(Protocol):
    """One format's encoder bound to one raster, one parameter for rate and quality."""

    @property
    def rates(self) -> PriorCurve:
        """Typical log(bits per pixel) along the parameter."""
        ...

    @property
    def scores(self) -> PriorCurve:
        """Typical SSIMULACRA2 score along the parameter."""
        ...

    @property
    def lossless_from(self) -> int:
        """The quality from which on only a lossless result will do; above 100 where there is no such quality."""
        ...

    @property
    def is_screen_content(self) -> bool:
        """Whether a lossless encoding of this raster has a chance to be the smallest."""
        ...

    def on(self, raster: Raster) -> Encoder:
        """The same encoder with the same choices, for another raster of the same picture."""
        ...

    def mends(self) -> tuple[Mend, ...]:
        """The same encoder without a trade that no higher parameter can buy back, the cheapest first."""
        ...

    def param_for(self, quality: float) -> float:
        """The parameter that stands for a quality of 1 to 100."""
        ...

    def least_score(self, quality: float) -> float | None:
        """The score below which an encode does not pass for this quality; None: it always does."""
        ...

    @property
    def most_score(self) -> float:
        """A score that no encode of this raster comes near, or 100."""
        ...

    def preview(self, parameter: float) -> NDArray[np.uint8] | None:
        """The pixels that an encode at this parameter would show, where they are had for less than the encode."""
        ...

    def to_grid(self, parameter: float) -> float:
        """The nearest parameter on the grid that a search walks along."""
        ...

    def slower_presets(self) -> tuple[Encoder, ...]:
        """Slower encoders for a search's end: the first takes fewer bytes at a score, the others have other steps."""
        ...

    def encode(self, parameter: float) -> Encoded:
        """Encode at this parameter, which came from to_grid."""
        ...

    def lossless(self) -> Encoded | None:
        """A lossless encoding, where the format has one."""
        ...


GROUND = frozenset({Measure.GROUND, Measure.CONTOURS, Measure.FAINT, Measure.LINES, Measure.LEVELS})
"""What finer steps of the lowest frequencies lessen."""


class Codec(Protocol):
    """A format: binds encoders to rasters and knows what can be left of a file without touching its pixels."""

    @property
    def format(self) -> OutputFormat:
        """The format this codec writes."""
        ...

    @property
    def takes_file_of(self) -> frozenset[SourceFormat]:
        """The formats of whose files `repack` makes results: its own as a rule."""
        ...

    @property
    def has_near_lossless(self) -> bool:
        """Whether pixels on coarser levels take its lossless encoder much fewer bytes."""
        ...

    @property
    def counts_repacking(self) -> bool:
        """Whether `repack` counts what it takes before it writes it."""
        ...

    @property
    def unmendable(self) -> frozenset[Measure]:
        """What no encoder of this format can keep, so that no encode is refused for it."""
        ...

    def promised_score(self, raster: Raster, quality: float) -> float | None:
        """What this raster has at a quality, where a fifth more bytes make it so; None: nobody looks for it."""
        ...

    def open(self, raster: Raster, effort: Effort, goal: Goal) -> Encoder:
        """An encoder for this raster."""
        ...

    def source_size(self, source: bytes) -> SourceSize:
        """What a source that `repack` takes consists of, by its header."""
        ...

    def offers(self, facts: Facts) -> Iterator[Offer]:
        """All that this format can make of a picture; nothing else knows what formats can do."""
        ...

    def without_profile(self, source: bytes) -> bytes:
        """The source's own file without what says its colours: to be asked of one that is sRGB."""
        ...

    def stripped(self, source: bytes) -> bytes:
        """The source's own file without its metadata, not packed anew."""
        ...

    def repack(
        self, source: bytes, effort: Effort, most_cpu_s: float = math.inf, most_bytes: int | None = None
    ) -> Encoded | None:
        """The source's own picture in fewer bytes and without metadata, not a pixel changed; None: damaged.

        most_cpu_s: of this process; formats whose packing cannot be stopped take what they take. most_bytes: more are
        of no use, so that a format which can count before it writes raises OverBytesError.
        """
        ...
