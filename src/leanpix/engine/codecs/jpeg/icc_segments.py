"""ICC profiles in JPEG files: APP2 segments as annex B.4 of the ICC specification lays them out."""

from __future__ import annotations

import struct

_SOI = b"\xff\xd8"
_APP0 = b"\xff\xe0"
_APP2 = b"\xff\xe2"
_NAME = b"ICC_PROFILE\x00"
_LENGTH_BYTES = 2
_PART_BYTES = 65535 - _LENGTH_BYTES - len(_NAME) - 2  # the last 2: number of this part, count of parts
_MAX_PARTS = 255


def with_icc_profile(jpeg: bytes, profile: bytes) -> bytes:
    """The same JPEG with a profile, put after SOI and JFIF's APP0 (which has to be first).

    ValueError: jpeg does not start with SOI, or the profile is too large for 255 segments (16.7 MB).
    """
    if not jpeg.startswith(_SOI):
        raise ValueError("not a JPEG: no start-of-image marker")
    check_profile_size(profile)
    parts = [profile[start : start + _PART_BYTES] for start in range(0, len(profile), _PART_BYTES)]
    at = after_jfif(jpeg)
    segments = (_segment(number, len(parts), part) for number, part in enumerate(parts, start=1))
    return b"".join((jpeg[:at], *segments, jpeg[at:]))


def check_profile_size(profile: bytes) -> None:
    """ValueError where a profile is too large for a JPEG's 255 segments (16.7 MB)."""
    if len(profile) > _PART_BYTES * _MAX_PARTS:
        raise ValueError(f"an ICC profile of {len(profile)} bytes does not fit into {_MAX_PARTS} segments")


def after_jfif(jpeg: bytes) -> int:
    """Where segments of our own may begin: behind SOI and JFIF's APP0, which has to be first."""
    if jpeg[2:4] != _APP0:
        return len(_SOI)
    (length,) = struct.unpack(">H", jpeg[4:6])
    return len(_SOI) + len(_APP0) + int(length)


def _segment(number: int, count: int, part: bytes) -> bytes:
    body = _NAME + bytes((number, count)) + part
    return _APP2 + struct.pack(">H", _LENGTH_BYTES + len(body)) + body
