"""How well a JPEG's coefficients are packed, by its own tables and scans: what repacking may take away rests on it."""

from __future__ import annotations

from enum import StrEnum

from leanpix.engine.facts import reading
from leanpix.engine.reading.headers import jpeg

_DHT, _SOS = 0xC4, 0xDA
_BASELINE = frozenset({0xC0, 0xC1})
_PROGRESSIVE = 0xC2
_STANDARD_TABLES_BYTES = frozenset({416, 208})
"""All of annex K's four tables, or the two of a gray picture."""

_STANDARD_FIRST_SCAN = (0, 0, 1)
"""Of libjpeg's own progression: every mean but its last bit. Encoders that search for scans send the means whole."""


class JpegPacking(StrEnum):
    """By which tables, in which scans.

    STANDARD_TABLES: annex K's, whatever the picture. OWN_TABLES: one pass, tables made for it. STANDARD_SCANS:
    libjpeg's progression. OTHER_SCANS: a progression that was searched for, mozjpeg's or jpegli's.
    """

    STANDARD_TABLES = "standard tables"
    OWN_TABLES = "own tables"
    STANDARD_SCANS = "standard scans"
    OTHER_SCANS = "other scans"


def jpeg_packing(source: bytes) -> JpegPacking:
    """By the headers of a JPEG that was probed; what is neither baseline nor progressive counts as badly packed."""
    frame_marker, tables_bytes = 0, 0
    with reading("JPEG"):
        for segment in jpeg.segments(source):
            if segment.marker in _BASELINE or segment.marker == _PROGRESSIVE:
                frame_marker = segment.marker
            elif segment.marker == _DHT:
                tables_bytes += segment.end - segment.payload
            elif segment.marker == _SOS:
                first_scan = source[segment.payload : segment.end]
                break
        else:
            return JpegPacking.STANDARD_TABLES
        if frame_marker == _PROGRESSIVE:
            first, last, bits = first_scan[-3:]
            is_standard = (first, last, bits) == _STANDARD_FIRST_SCAN
            return JpegPacking.STANDARD_SCANS if is_standard else JpegPacking.OTHER_SCANS
    is_standard = tables_bytes in _STANDARD_TABLES_BYTES or frame_marker == 0
    return JpegPacking.STANDARD_TABLES if is_standard else JpegPacking.OWN_TABLES
