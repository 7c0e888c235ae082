"""What a source may be at most, judged from its header before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat, SourceFormat
from leanpix.domain.request import CompressionOptions, Crop, Fit
from leanpix.engine.libraries.native import load_native

if TYPE_CHECKING:
    from leanpix.engine.facts import Probe

_MIB = 1024 * 1024

LARGE_WEBP_PIXELS = 16_000_000
"""Above, WebP's alpha and lossless pictures are coded without libwebp where the native library is: in a fraction of its
memory."""

# Resident memory, measured at 64 MP and rounded up by a quarter (docs/decisions 0014, 0095, 0098, 0127, 0260): of any
# job; while decoding, for each pixel of the source beside the picture itself; while encoding, for each of the result's.
# WebP of what is drawn may be made by libwebp's lossless coder, which takes more than twice what the others do.
_ANY_JOB_BYTES = 96 * _MIB
_DECODING_BYTES = {
    SourceFormat.JPG: 1,
    SourceFormat.PNG: 1,
    SourceFormat.WEBP: 6,
    SourceFormat.GIF: 6,
    SourceFormat.AVIF: 12,
    SourceFormat.JXL: 32,
    SourceFormat.HEIC: 12,
    SourceFormat.BMP: 3,
    SourceFormat.TIFF: 5,
    SourceFormat.SGI: 6,
    SourceFormat.RAW: 14,
}
_DECODING_ALPHA_BYTES = {SourceFormat.AVIF: 4, SourceFormat.HEIC: 4, SourceFormat.JXL: 12}
_MULTI_SCAN_BYTES = 7
_DEEP_BYTES = 4
_ENCODING = {
    OutputFormat.JPG: (13, 1, 2.0),
    OutputFormat.PNG: (13, 3, 3.5),
    OutputFormat.WEBP: (18, 4, 3.5),
    OutputFormat.AVIF: (46, 22, 3.5),
    OutputFormat.JXL: (34, 24, 3.5),
}
"""Of a result: bytes a pixel, more for alpha, and seconds a megapixel of processor time as below."""

_LARGE_WEBP_BYTES, _LARGE_WEBP_ALPHA_BYTES = 10, 1
_COMPARING_BYTES = 20  # both pictures over a ground, and the sums of their cells
_ANIMATING_BYTES, _ANIMATING_ALPHA_BYTES = 9, 2  # frames are coded one by one

# Address space: libraries, stacks and allocator arenas; and what is resident, twice over. A bound, no forecast.
_ANY_JOB_ADDRESS_BYTES = 1024 * _MIB
_ADDRESS_FACTOR = 2

# Processor seconds, generous: these stop a runaway, the engine keeps its own, tighter time.
_ANY_JOB_CPU_S = 60
_MOST_CPU_S = 320
_DECODING_CPU_S = {SourceFormat.RAW: 1.0}
_ANY_DECODING_CPU_S = 0.3
_COMPARING_CPU_S = 1.0


@dataclass(frozen=True, slots=True)
class ResourceBudget:
    """What one job may take.

    memory_bytes: resident, what is set aside for it. address_bytes: address space of its whole process, and cpu_s:
    processor seconds; over these it is stopped. longest_px: the longest side of source and result, by which it is
    charged.
    """

    memory_bytes: int
    address_bytes: int
    cpu_s: int
    longest_px: int = 0


def resource_budget(probe: Probe, options: CompressionOptions) -> ResourceBudget:
    """The budget of decoding a source and making of it what is asked for, by its header alone.

    The one place that says so: the child's limits and the memory that is shared between children rest on it.
    """
    targets = _targets(probe, options)
    frames = probe.frames if any(map(probe.format.keeps_frames_in, targets)) else 1
    source, result = probe.pixels * frames, _result_pixels(probe, options) * frames
    encoding = max(_encoding_bytes(probe, target, result) for target in targets)
    # What the decoder held is given back before an encoder begins.
    held = (result + _looked_at_pixels(probe, options) * frames) * (3 + probe.has_alpha)
    pixels_bytes = max(source * _decoding_bytes(probe) + held, encoding)
    if options.widths:  # beside the one that is made the whole picture stays, for the next
        pixels_bytes += probe.pixels * (3 + probe.has_alpha)
    encoding_cpu_s = max(_ENCODING[target][2] for target in targets)
    cpu_s = source * _DECODING_CPU_S.get(probe.format, _ANY_DECODING_CPU_S) + result * encoding_cpu_s
    return ResourceBudget(
        _ANY_JOB_BYTES + pixels_bytes,
        _ANY_JOB_ADDRESS_BYTES + _ADDRESS_FACTOR * pixels_bytes,
        min(_ANY_JOB_CPU_S + int(cpu_s / 1e6), _MOST_CPU_S),
        _longest_px(probe, options),
    )


def comparison_budget(reference: Probe, picture: Probe) -> ResourceBudget:
    """The budget of comparing two pictures, by their headers alone."""
    both = (reference, picture)
    held = sum(one.pixels * (3 + one.has_alpha) for one in both)
    decoding = max(one.pixels * _decoding_bytes(one) for one in both)
    pixels_bytes = held + max(decoding, reference.pixels * _COMPARING_BYTES)
    cpu_s = sum(one.pixels * _DECODING_CPU_S.get(one.format, _ANY_DECODING_CPU_S) for one in both)
    return ResourceBudget(
        _ANY_JOB_BYTES + pixels_bytes,
        _ANY_JOB_ADDRESS_BYTES + _ADDRESS_FACTOR * pixels_bytes,
        min(_ANY_JOB_CPU_S + int((cpu_s + reference.pixels * _COMPARING_CPU_S) / 1e6), _MOST_CPU_S),
        max(reference.width_px, reference.height_px),
    )


def _decoding_bytes(probe: Probe) -> int:
    """While decoding, for each pixel of the source beside the picture itself."""
    decoding = _DECODING_BYTES[probe.format] + _DECODING_ALPHA_BYTES.get(probe.format, 0) * probe.has_alpha
    return decoding + _MULTI_SCAN_BYTES * (probe.scans > 1) + _DEEP_BYTES * (probe.bits > 8)  # noqa: PLR2004 - of a byte


def _longest_px(probe: Probe, options: CompressionOptions) -> int:
    """Never less than the sides of the source and of what is made of it."""
    width_px, height_px = options.width_px or 0, options.height_px or 0
    if options.changes_dimensions and not height_px:
        height_px = probe.height_px * width_px // probe.width_px
    elif options.changes_dimensions and not width_px:
        width_px = probe.width_px * height_px // probe.height_px
    return max(probe.width_px, probe.height_px, width_px, height_px)


def _targets(probe: Probe, options: CompressionOptions) -> tuple[OutputFormat, ...]:
    """The formats that the result may be in."""
    if options.alternatives:
        return options.alternatives
    known = options.format or probe.format.default_output or (OutputFormat.WEBP if probe.is_animated else None)
    return STANDARD_FORMATS if known is None else (known,)


def _encoding_bytes(probe: Probe, target: OutputFormat, pixels: int) -> int:
    """Of a result of so many pixels, which keeps all frames where its format can."""
    each, alpha, _ = _ENCODING[target]
    if target is OutputFormat.WEBP and probe.is_animated:
        each, alpha = _ANIMATING_BYTES, _ANIMATING_ALPHA_BYTES
    elif target is OutputFormat.WEBP and pixels > LARGE_WEBP_PIXELS and load_native() is not None:
        # Not less than what the largest of the others takes.
        least = LARGE_WEBP_PIXELS * (each + alpha * probe.has_alpha)
        return max(least, pixels * (_LARGE_WEBP_BYTES + _LARGE_WEBP_ALPHA_BYTES * probe.has_alpha))
    return pixels * (each + alpha * probe.has_alpha)


def _looked_at_pixels(probe: Probe, options: CompressionOptions) -> int:
    """Pixels of one scaled frame in which the crop is chosen; twice that where the frame has to be turned upright."""
    width_px, height_px = options.width_px, options.height_px
    if options.crop is Crop.CENTRE or options.fit is not Fit.COVER or width_px is None or height_px is None:
        return 0
    scale = max(width_px / probe.width_px, height_px / probe.height_px)
    times = 1 if probe.orientation == 1 and not probe.is_animated else 2
    return times * round(probe.pixels * (scale if options.enlarge else min(scale, 1.0)) ** 2)


def _result_pixels(probe: Probe, options: CompressionOptions) -> int:
    """Of one frame; where a side is left open it follows from the other."""
    if not options.changes_dimensions:
        return probe.pixels
    width_px = options.width_px or probe.width_px * (options.height_px or 1) // probe.height_px
    height_px = options.height_px or probe.height_px * (options.width_px or 1) // probe.width_px
    return width_px * height_px
