"""Two pictures as one source: a reference, and what is compared with it."""

from __future__ import annotations

import struct

_HEAD = struct.Struct(">8sQ")
_SIGNATURE = b"lpx pair"


def pair_head(reference_bytes: int) -> bytes:
    """What stands before the two files, the reference first."""
    return _HEAD.pack(_SIGNATURE, reference_bytes)


def pair_of(reference: bytes, picture: bytes) -> bytes:
    """Both in one."""
    return pair_head(len(reference)) + reference + picture


def split_pair(source: bytes) -> tuple[bytes, bytes] | None:
    """The reference and the picture; None where the source holds no two files."""
    if len(source) < _HEAD.size:
        return None
    signature, reference_bytes = _HEAD.unpack_from(source)
    end = _HEAD.size + reference_bytes
    if signature != _SIGNATURE or end > len(source):
        return None
    return source[_HEAD.size : end], source[end:]
