"""What a caller asks for: options of one compression, checked once and never changed after."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from enum import IntEnum, StrEnum
from functools import lru_cache

from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.formats import OutputFormat
from leanpix.domain.keep import KEPT_BY_DEFAULT, Keep

MIN_QUALITY, MAX_QUALITY = 1, 100
MAX_SCORE = 100
MAX_SIDE_PX = 8000
MAX_KBYTE = 51200
KBYTE = 1024
MAX_WIDTHS, MAX_SET = 16, 32
_COLOUR = re.compile(r"[0-9a-f]{6}", re.ASCII)

DEFAULT_TARGET_SCORE = 75.0
"""Between high quality (70) and visually lossless (90): seen only side by side, and by who looks for it."""


class Fit(StrEnum):
    """How a picture meets a width and a height that are both given.

    fill: exactly those, proportions not kept (the contract's rule); inside: as large as fits, proportions kept;
    contain: like inside, padded to exactly those; cover: fills them, the overhang cropped.
    """

    FILL = "fill"
    INSIDE = "inside"
    CONTAIN = "contain"
    COVER = "cover"


class Crop(StrEnum):
    """What is kept of a picture where `cover` leaves an overhang.

    centre: the middle; attention: what draws the eye; object: on plain ground all of what stands on it, with more
    ground around it where that is needed, else as attention.
    """

    CENTRE = "centre"
    ATTENTION = "attention"
    OBJECT = "object"


class Packing(StrEnum):
    """A JPEG's whole file packed as JPEG XL without loss, or had back from it; no picture is made."""

    PACK = "pack"
    UNPACK = "unpack"


class ReturnType(IntEnum):
    """How a result is handed over: a URL or base64 text."""

    URL = 1
    BASE64 = 2


def too_many_pictures(count: int, most: int) -> InvalidParameterError:
    """A set of more pictures than are allowed."""
    return InvalidParameterError("widths", f"{count} pictures", f"at most {most} in a set: widths times formats")


@dataclass(frozen=True, slots=True)
class CompressionOptions:
    """What to make of a source.

    quality: 1-100, or None. max_bytes: the result's largest size in bytes, or None. With neither, quality is
    automatic: the fewest bytes whose SSIMULACRA2 score is at least target_score (None: the engine's default).
    width_px, height_px: 1-8000 or None; one alone keeps the proportions. format None: the source's own where
    results can be written in it, else the one the engine recommends. alternatives: formats of which the one with the
    fewest bytes is taken; those that would lose an animation, or transparency without a background, take no part.

    enlarge False: neither side grows. background: six hex digits; transparent parts are laid on this colour whatever
    the format. widths: a set of several widths is made, each in every one of the alternatives. keep: what of the
    source's content beside its pixels is kept, in the order of the kinds. crop: what `fit` cover keeps. packing:
    nothing but that is done; all else is without meaning then. compares: the source is a pair, and its second picture
    is compared with its first; the same.

    Raises InvalidParameterError for a value or a combination that the contract does not allow.
    """

    format: OutputFormat | None = None
    quality: int | None = None
    max_bytes: int | None = None
    width_px: int | None = None
    height_px: int | None = None
    fit: Fit = Fit.FILL
    target_score: float | None = None
    enlarge: bool = True
    background: str | None = None
    alternatives: tuple[OutputFormat, ...] = ()
    keep: tuple[Keep, ...] = KEPT_BY_DEFAULT
    crop: Crop = Crop.CENTRE
    widths: tuple[int, ...] = ()
    packing: Packing | None = None
    compares: bool = False

    def __post_init__(self) -> None:
        if self.quality is not None and not MIN_QUALITY <= self.quality <= MAX_QUALITY:
            raise InvalidParameterError("quality", self.quality, f"an integer from {MIN_QUALITY} to {MAX_QUALITY}")
        if self.quality is not None and self.max_bytes is not None:
            raise InvalidParameterError("quality", self.quality, "quality or kbyte, not both")
        for name, side in (("width", self.width_px), ("height", self.height_px)):
            if side is not None and not 1 <= side <= MAX_SIDE_PX:
                raise InvalidParameterError(name, side, f"an integer from 0 to {MAX_SIDE_PX}; 0 means not given")
        if self.max_bytes is not None and not 1 <= self.max_bytes <= MAX_KBYTE * KBYTE:
            raise InvalidParameterError("kbyte", self.max_bytes / KBYTE, f"above 0, up to {MAX_KBYTE}")
        if self.target_score is not None and not 0 < self.target_score <= MAX_SCORE:
            raise InvalidParameterError("target_score", self.target_score, f"a number above 0 and up to {MAX_SCORE}")

        self._check_widths()
        if self.background is not None and not _COLOUR.fullmatch(self.background):
            raise InvalidParameterError("background", self.background, "six hexadecimal digits in lower case")

    def _check_widths(self) -> None:
        if not self.widths:
            return
        allowed = f"up to {MAX_WIDTHS} different integers from 1 to {MAX_SIDE_PX}"
        are_sides = all(1 <= width <= MAX_SIDE_PX for width in self.widths)
        if len(set(self.widths)) != len(self.widths) or len(self.widths) > MAX_WIDTHS or not are_sides:
            raise InvalidParameterError("widths", ",".join(map(str, self.widths)), allowed)
        if self.changes_dimensions:
            raise InvalidParameterError("widths", ",".join(map(str, self.widths)), "widths, or width and height")
        if self.most_results > MAX_SET:
            raise too_many_pictures(self.most_results, MAX_SET)

    def given(self) -> dict[str, object]:
        """The options that are not at their defaults, by name: what is kept and compared across releases."""
        defaults = _defaults(type(self))  # type: ignore[arg-type] # a class has a hash, whatever its objects have
        return {name: value for name, default in defaults if (value := getattr(self, name)) != default}

    @property
    def most_results(self) -> int:
        """How many pictures are made at most: of a set each width in each format, else one."""
        return max(1, len(self.widths)) * (max(1, len(self.alternatives)) if self.widths else 1)

    @property
    def names_format(self) -> bool:
        """Whether a format, or several to choose from, were asked for."""
        return self.format is not None or bool(self.alternatives)

    @property
    def is_automatic(self) -> bool:
        """Whether neither a quality nor a size was asked for."""
        return self.quality is None and self.max_bytes is None

    def aiming_at(self, score: float) -> CompressionOptions:
        """The same, with this target where quality is automatic and none was named."""
        return replace(self, target_score=score) if self.is_automatic and self.target_score is None else self

    @property
    def changes_dimensions(self) -> bool:
        """Whether a width or a height was asked for."""
        return self.width_px is not None or self.height_px is not None


@lru_cache
def _defaults(options: type[CompressionOptions]) -> tuple[tuple[str, object], ...]:
    """Each option's name and default; read once, for fields() is slow."""
    return tuple((one.name, one.default) for one in fields(options))
