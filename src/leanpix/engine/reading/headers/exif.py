"""The orientation out of an EXIF block, and nothing else of it."""

from __future__ import annotations

import struct

_ORIENTATION_TAG = 0x0112
_SHORT = 3
_MAX_ENTRIES = 1024
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def orientation(block: bytes) -> int:
    """The EXIF orientation, 1-8, of a TIFF block without its `Exif` mark; 1 where there is none.

    It has to be one number of 16 bits, by the text and by browsers. Only the first directory is read, so a directory
    that points at itself costs nothing.
    """
    order = _BYTE_ORDERS.get(block[:4])
    if order is None:
        return 1
    try:
        return _from_first_directory(block, order)
    except struct.error:
        return 1


def _from_first_directory(block: bytes, order: str) -> int:
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for entry in range(min(count, _MAX_ENTRIES)):
        tag, kind, values, number = struct.unpack_from(f"{order}HHIH", block, start + 2 + entry * 12)
        if tag == _ORIENTATION_TAG:
            is_one = (kind, values) == (_SHORT, 1) and 1 <= number <= 8  # noqa: PLR2004 - EXIF defines eight orientations
            return int(number) if is_one else 1
    return 1
