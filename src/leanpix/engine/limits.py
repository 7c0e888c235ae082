"""What a source may be at most, judged from its header before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leanpix.domain.formats import OutputFormat, SourceFormat

if TYPE_CHECKING:
    from leanpix.engine.headers.base import Probe

_MIB = 1024 * 1024
_ANY_JOB_BYTES = 384 * _MIB
_ANY_JOB_CPU_S = 10.0
_MOST_CPU_S = 170.0

# Address space a pixel while decoding, over that of an idle process, measured at 64 MP and rounded up.
_DECODING_BYTES = {
    SourceFormat.JPG: 6,
    SourceFormat.PNG: 10,
    SourceFormat.WEBP: 20,
    SourceFormat.GIF: 12,
    SourceFormat.BMP: 8,
    SourceFormat.TIFF: 14,
    SourceFormat.SGI: 12,
    SourceFormat.RAW: 28,
}
_MULTI_SCAN_BYTES = 8
_DEEP_BYTES = 8
_ENCODING_BYTES = {OutputFormat.JPG: 16, OutputFormat.PNG: 20, OutputFormat.WEBP: 24}

# Processor seconds a megapixel, generous: these stop a runaway, the engine keeps its own, tighter time.
_DECODING_CPU_S = {SourceFormat.RAW: 0.5, SourceFormat.GIF: 0.1}
_ENCODING_CPU_S = {OutputFormat.JPG: 0.4, OutputFormat.PNG: 1.5, OutputFormat.WEBP: 1.0}
_ANY_DECODING_CPU_S = 0.15


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest picture that is decoded.

    max_side_px: each side of the upright picture. max_total_pixels: frames x width x height. max_frames: frames
    of an animation. max_scans: scans of a progressive JPEG, each a pass over all of its pixels.
    max_profile_bytes: an ICC profile, inflated; a larger one is ignored.
    """

    max_side_px: int = 8000
    max_total_pixels: int = 256_000_000
    max_frames: int = 1000
    max_scans: int = 100
    max_profile_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ResourceBudget:
    """What one job may take before it is stopped: address space beyond an idle process's, and processor seconds."""

    memory_bytes: int
    cpu_s: float


def resource_budget(probe: Probe, target: OutputFormat) -> ResourceBudget:
    """The budget of decoding a source and encoding it in the target format, by its header alone.

    A bound for the sandbox, about twice what such pictures were seen to take, and no forecast.
    """
    pixels = probe.pixels * probe.frames
    decoding = _DECODING_BYTES[probe.format]
    decoding += _MULTI_SCAN_BYTES * (probe.scans > 1) + _DEEP_BYTES * (probe.bits > 8)  # noqa: PLR2004 - bits of a byte
    memory = _ANY_JOB_BYTES + pixels * (decoding + _ENCODING_BYTES[target])
    per_megapixel = _DECODING_CPU_S.get(probe.format, _ANY_DECODING_CPU_S) + _ENCODING_CPU_S[target]
    return ResourceBudget(memory, min(_ANY_JOB_CPU_S + pixels / 1e6 * per_megapixel, _MOST_CPU_S))
