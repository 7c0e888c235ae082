"""The gain map behind a JPEG: which of the pictures there it is, and what it says of itself.

Known are ISO 21496-1, Adobe's and Google's XMP (Ultra HDR), and Apple's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from leanpix.domain.errors import TaskFailure
from leanpix.engine.facts import Limits, Probe
from leanpix.engine.reading.headers import jpeg

_APP1, _APP2 = 0xE1, 0xE2
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
_ADOBE, _APPLE = b"hdrgm:", b"hdrgainmap"
_MOST_FURTHER = 8
_MOST_METADATA_BYTES = 60_000
_MOST_PIXELS = 4_000_000
"""A map may be finer than a small picture, and takes no memory that a picture is not given anyway."""


@dataclass(frozen=True, slots=True)
class GainMap:
    """data: the map's JPEG up to its end. xmp and iso: its own packet and ISO payload; iso_version: the picture's."""

    data: bytes
    probe: Probe
    xmp: bytes
    iso: bytes
    iso_version: bytes

    @property
    def is_ultra_hdr(self) -> bool:
        """Whether it speaks Adobe's and Google's XMP."""
        return _ADOBE in self.xmp


def gain_map(source: bytes, limits: Limits) -> GainMap | None:
    """The first gain map behind a JPEG; None where there is none, or it is damaged or larger than any picture's."""
    with suppress(TaskFailure, struct.error, IndexError):
        found = list(jpeg.segments(source))
        iso_version = _payload(source, found, _APP2, _ISO)
        for data in _further(source, found[-1].end):
            inner = list(jpeg.segments(data))
            xmp, iso = _payload(data, inner, _APP1, _XMP), _payload(data, inner, _APP2, _ISO)
            if not iso and _ADOBE not in xmp and _APPLE not in xmp.lower():
                continue
            facts = jpeg.read(data, limits)
            is_small = facts.pixels <= max(_MOST_PIXELS, jpeg.read(source, limits).pixels)
            is_short = len(xmp) + len(iso) <= _MOST_METADATA_BYTES
            return GainMap(data, facts, xmp, iso, iso_version) if is_small and is_short else None
    return None


def _further(source: bytes, at: int) -> Iterator[bytes]:
    for _ in range(_MOST_FURTHER):
        at = source.find(b"\xff\xd8\xff", at)
        if at < 0:
            return
        rest = source[at:]
        end = list(jpeg.segments(rest))[-1].end
        yield rest[:end]
        at += end


def _payload(data: bytes, found: list[jpeg.Segment], marker: int, start: bytes) -> bytes:
    bodies = (data[one.payload : one.end] for one in found if one.marker == marker)
    return next((body for body in bodies if body.startswith(start)), b"")
