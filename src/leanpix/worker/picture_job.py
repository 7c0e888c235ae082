"""What a child does with its picture: read the header, give up all memory and time that it cannot need, compress."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass

from leanpix.domain.formats import SourceFormat
from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions
from leanpix.engine.compress import compress
from leanpix.engine.limits import Limits
from leanpix.engine.probe import Probe, probe

# The process itself, its libraries, stacks and allocator arenas; measured 0.3 to 0.5 GB for the smallest pictures.
_BASE_BYTES = 1 << 30
# Address space a pixel of the source or the result, twice what pictures of 64 MP were seen to take at most.
_BYTES_A_PIXEL = {SourceFormat.PNG: 64, SourceFormat.TIFF: 64, SourceFormat.RAW: 96}
_BYTES_A_PIXEL_ELSE = 48
_BASE_CPU_S, _CPU_S_A_MEGAPIXEL = 60, 4
_PIXELS_A_MEGAPIXEL = 1_000_000


@dataclass(frozen=True, slots=True)
class Means:
    """What one picture may take: address space in bytes, processor time in seconds."""

    memory_bytes: int
    cpu_s: int


def compress_within_means(
    source: bytes, options: CompressionOptions, *, on_phase: Callable[[str], None] | None = None
) -> Compression:
    """The engine's compress, in a process that keeps the limits of this picture for the rest of its life."""
    limits = Limits()
    hold_to(means_for(probe(source, limits), options))
    return compress(source, options, limits, on_phase=on_phase)


def means_for(facts: Probe, options: CompressionOptions) -> Means:
    """What a picture of this format and these dimensions may take on its way to those asked for."""
    pixels = max(facts.frames * facts.width_px * facts.height_px, _result_pixels(facts, options))
    a_pixel = _BYTES_A_PIXEL.get(facts.format, _BYTES_A_PIXEL_ELSE)
    cpu_s = _BASE_CPU_S + _CPU_S_A_MEGAPIXEL * pixels // _PIXELS_A_MEGAPIXEL
    return Means(_BASE_BYTES + a_pixel * pixels, cpu_s)


def hold_to(means: Means) -> None:
    """Lower this process's limits to these means; limits that are lower already stay."""
    for name, value in ((resource.RLIMIT_AS, means.memory_bytes), (resource.RLIMIT_CPU, means.cpu_s)):
        soft, hard = resource.getrlimit(name)
        resource.setrlimit(name, (_lower(soft, value), hard if name == resource.RLIMIT_CPU else _lower(hard, value)))


def _result_pixels(facts: Probe, options: CompressionOptions) -> int:
    if not options.changes_dimensions:
        return 0
    width_px = options.width_px or facts.width_px * (options.height_px or 1) // facts.height_px
    height_px = options.height_px or facts.height_px * (options.width_px or 1) // facts.width_px
    return facts.frames * width_px * height_px


def _lower(present: int, value: int) -> int:
    return value if present == resource.RLIM_INFINITY else min(present, value)
