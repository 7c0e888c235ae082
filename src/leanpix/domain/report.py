"""What was done to a picture, in values that a caller can be shown."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.formats import OutputFormat, SourceFormat


@dataclass(frozen=True, slots=True)
class Report:
    """How a result came about.

    Sizes are in bytes, sides in upright pixels. quality is the encoder's own setting (None for lossless),
    distance jpegli's Butteraugli distance where that was the knob. encodes counts the encoder's runs, score is
    the SSIMULACRA2 of the result against the oriented, resized and converted source (None: not measured).
    effort names how hard the engine tried ("full", "reduced", "minimal"). changes and warnings are short
    sentences for people, such as "animation dropped". cached: the result is an earlier task's, made of the same.
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
    cached: bool = False

    def fields(self) -> dict[str, object]:
        """Its values by name, as JSON takes them; dataclasses.asdict would copy each one first."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


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
