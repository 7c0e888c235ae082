"""SGI (.rgb, .sgi, .bw): size, channels and depth."""

from __future__ import annotations

import struct

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading

_HEADER_BYTES = 512
_CHANNELS = frozenset({1, 3, 4})


def matches(source: bytes) -> bool:
    """Whether the bytes begin like an SGI picture: magic, packed or not, 1 or 2 bytes a sample, 1-3 dimensions."""
    return source[:2] == b"\x01\xda" and source[2:3] <= b"\x01" and source[3:6] in _BEGINNINGS


_BEGINNINGS = frozenset(bytes([depth, 0, sides]) for depth in (1, 2) for sides in (1, 2, 3))


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of an SGI picture; raises TaskFailure."""
    with reading("SGI"):
        packed, depth, sides, width, height, channels = struct.unpack_from(">BBHHHH", source, 2)
    height = height if sides > 1 else 1
    channels = channels if sides > 2 else 1  # noqa: PLR2004 - the third dimension is the channels
    check_size(width, height, 1, limits)
    if channels not in _CHANNELS:
        raise damaged(f"the SGI picture has {channels} channels")
    if not packed and _HEADER_BYTES + width * height * channels * depth > len(source):
        raise damaged("the SGI picture is cut short")
    has_alpha = channels == 4  # noqa: PLR2004 - RGB and alpha
    return Probe(
        SourceFormat.SGI,
        width,
        height,
        has_alpha=has_alpha,
        bands=channels,
        bits=depth * 8,
        is_lossless=True,
    )
