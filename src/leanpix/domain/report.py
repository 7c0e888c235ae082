"""What was done to a picture, in values that a caller can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.holding import Holding
from leanpix.domain.worst_place import WorstPlace

ZIP_SUFFIX, ZIP_MEDIA_TYPE = "zip", "application/zip"


class Decision(StrEnum):
    """What became of one way to a result.

    TAKEN: it is the result. MADE: another one was better. FELL_SHORT: it did not reach the quality or the size. The
    others were not made: CANNOT_WIN, whatever it had come to; NO_TIME and NO_MEMORY, though it might have won.
    """

    TAKEN = "taken"
    MADE = "made"
    FELL_SHORT = "fell short"
    CANNOT_WIN = "cannot win"
    NO_TIME = "no time"
    NO_MEMORY = "no memory"


@dataclass(frozen=True, slots=True)
class Considered:
    """One way to a result, and what became of it.

    kind: "source" (its own file), "lossless", "lossy" or "smaller_sides". result_bytes: None where it was not made;
    likely_bytes: as it was estimated before, None where nothing was known.
    """

    name: str
    kind: str
    decision: Decision
    result_bytes: int | None = None
    likely_bytes: int | None = None

    def fields(self) -> dict[str, object]:
        """Its values by name, as JSON takes them; those that are not known left out."""
        named = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in named.items() if value is not None}

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Considered:
        """The inverse of fields."""
        sizes = found.get("result_bytes"), found.get("likely_bytes")
        return cls(found["name"], found["kind"], Decision(found["decision"]), *sizes)


@dataclass(frozen=True, slots=True)
class Advice:
    """A format that the request did not name and that would take less than half of the bytes at the same look.

    likely_bytes: about what it would take there, as it is estimated without an encode.
    """

    format: OutputFormat
    likely_bytes: int

    def fields(self) -> dict[str, object]:
        """Its values by name, as JSON takes them."""
        return {"format": self.format.value, "likely_bytes": self.likely_bytes}

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Advice | None:
        """The inverse of fields; None for a format that this version does not know."""
        known = found["format"] in set(OutputFormat)
        return cls(OutputFormat(found["format"]), found["likely_bytes"]) if known else None


@dataclass(frozen=True, slots=True)
class SetImage:
    """One picture of a set: its name within it, its sides in pixels, its format, its bytes, its score if measured.

    offset: where its bytes begin in the set's file.
    """

    name: str
    width_px: int
    height_px: int
    format: OutputFormat
    result_bytes: int
    score: float | None = None
    offset: int = 0

    def fields(self) -> dict[str, object]:
        """Its values by name, as JSON takes them."""
        named = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return named | {"format": self.format.value}

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> SetImage:
        """The inverse of fields."""
        return cls(**{**found, "format": OutputFormat(found["format"])})


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What a page shows before a picture is there: a ThumbHash as base64, and the dominant colour as six hex digits."""

    thumbhash: str
    colour: str


@dataclass(frozen=True, slots=True)
class Report:
    """How a result came about.

    Sizes are in bytes, sides in upright pixels. quality is the encoder's own setting (None for lossless),
    distance the one, in jpegli's sense, that was the parameter of a JPEG. encodes counts the encoder's runs, score is
    the SSIMULACRA2 of the result against the oriented, resized and converted source (None: not measured).
    effort names how hard the engine tried ("full", "reduced", "minimal"). changes and warnings are short
    sentences for people, such as "animation dropped". lost: what the source's file held and the result's does not, by
    kind; what is not named there is not lost. cached: the result is an earlier task's, made of the same.
    considered: the ways to a result that there were, in the order in which they were decided. worst: the
    place that looks worst by the local criterion (None: not looked for, as where the source has nothing at risk).
    advice: another format that would take less than half at the same look (None: none is known).
    images: of a set, all of its pictures; all else is then of the first, but for the bytes, which are the set's.
    """

    source_bytes: int
    source_format: SourceFormat
    source_width_px: int
    source_height_px: int
    result_bytes: int
    format: OutputFormat
    width_px: int
    height_px: int
    encoder: str
    quality: float | None = None
    distance: float | None = None
    encodes: int = 1
    score: float | None = None
    effort: str = "full"
    frames: int = 1
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    lost: tuple[Holding, ...] = ()
    cached: bool = False
    considered: tuple[Considered, ...] = ()
    worst: WorstPlace | None = None
    images: tuple[SetImage, ...] = ()
    placeholder: Placeholder | None = None
    advice: Advice | None = None

    @property
    def results(self) -> int:
        """How many pictures were made."""
        return max(1, len(self.images))

    @property
    def suffix(self) -> str:
        """How the result's name ends: a set is a ZIP."""
        return ZIP_SUFFIX if self.images else self.format.value

    def fields(self) -> dict[str, object]:
        """Its values by name, as JSON takes them; dataclasses.asdict would copy each one first."""
        named: dict[str, object] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        worst = None if self.worst is None else self.worst.fields()
        advice = None if self.advice is None else self.advice.fields()
        named |= {"considered": [one.fields() for one in self.considered], "worst": worst, "advice": advice}
        if self.placeholder is not None:
            named["placeholder"] = asdict(self.placeholder)
        del named["images"]
        return named | ({"images": [one.fields() for one in self.images]} if self.images else {})

    def manifest(self) -> dict[str, object]:
        """Of a set: its source, what to show before it is there, and its pictures, for programs."""
        return {
            "source": {
                "format": self.source_format.value,
                "width": self.source_width_px,
                "height": self.source_height_px,
                "bytes": self.source_bytes,
            },
            "placeholder": None if self.placeholder is None else asdict(self.placeholder),
            "images": [
                {
                    "name": one.name,
                    "width": one.width_px,
                    "height": one.height_px,
                    "format": one.format.value,
                    "media_type": one.format.media_type,
                    "bytes": one.result_bytes,
                    "score": None if one.score is None else round(one.score, 2),
                }
                for one in self.images
            ],
        }


@dataclass(frozen=True, slots=True)
class Compression:
    """A finished compression: the result's encoded bytes and the report on them."""

    data: bytes
    report: Report


@dataclass(frozen=True, slots=True)
class CompressionView:
    """The same, seen where another process has left it: the memory is given back with the last view of it."""

    data: memoryview
    report: Report
