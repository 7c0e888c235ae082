"""Dots per inch in a JPEG's first segment, JFIF's (ITU-T T.871, 10.1)."""

from __future__ import annotations

import struct

from leanpix.engine.reading.headers.jpeg import segments

_SOI_BYTES, _APP14, _SOS = 2, 0xEE, 0xDA
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_NAME, _HEAD = b"JFIF\0", b"\xff\xe0\0\x10JFIF\0\1\1"
_THUMBNAIL_AT = 18
_NO_THUMBNAIL = b"\0\0"
_COMPONENTS = frozenset({b"\1", b"\1\2\3"})
_UNITS = ((1, 1.0), (2, 2.54))
_MOST = 65_535
_WHOLE = 0.01
"""How far from a whole number still counts as one: 11,811 dots a metre are 300 an inch."""


def with_density(jpeg: bytes, density: tuple[float, float]) -> bytes | None:
    """The same JPEG with dots per inch across and down, in the unit in which they are whole numbers, else an inch.

    None where the numbers have no room there, or where the segment would be new and could change what colours the
    components are: without it a decoder goes by their names, or by Adobe's segment.
    """
    unit, per_inch = next((one for one in _UNITS if _are_whole(density, one[1])), _UNITS[0])
    across, down = (round(side / per_inch) for side in density)
    if not (0 < across <= _MOST and 0 < down <= _MOST):
        return None
    told = _HEAD + struct.pack(">BHH", unit, across, down)
    if jpeg[_SOI_BYTES : _SOI_BYTES + 2] == _HEAD[:2] and jpeg.startswith(_NAME, _SOI_BYTES + 4):
        return jpeg[: _SOI_BYTES + len(_HEAD)] + told[len(_HEAD) :] + jpeg[_THUMBNAIL_AT:]
    return jpeg[:_SOI_BYTES] + told + _NO_THUMBNAIL + jpeg[_SOI_BYTES:] if _is_plain(jpeg) else None


def _are_whole(density: tuple[float, float], per_inch: float) -> bool:
    return all(abs(side / per_inch - round(side / per_inch)) <= _WHOLE for side in density)


def _is_plain(jpeg: bytes) -> bool:
    """Whether the components are gray or YCbCr for every decoder, with and without JFIF's segment."""
    for one in segments(jpeg):
        if one.marker == _APP14:
            return False
        if one.marker in _FRAMES:
            return jpeg[one.payload + 6 : one.end : 3] in _COMPONENTS
        if one.marker == _SOS:
            break
    return False
