"""Boxes of ISO base media files (ISO/IEC 14496-12), as AVIF and JPEG XL have them: those of this engine's results."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = struct.Struct(">I4s")
FULL_BOX = 4
"""Bytes of version and flags, which a full box begins with."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its kind, where it begins, where its content does, and where it ends."""

    kind: bytes
    start: int
    content: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a `meta` box: its number, its kind, and where its bytes lie in the file."""

    number: int
    kind: bytes
    start: int
    size: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes of a stretch; struct.error for one that does not fit into it."""
    end = len(data) if end is None else end
    while start + _HEADER.size <= end:
        size, kind = _HEADER.unpack_from(data, start)
        size = size or end - start  # 0: up to the end
        if size < _HEADER.size or start + size > end:  # 1, a size of 64 bits, is more than an engine's result takes
            raise struct.error("a box does not fit")
        yield Box(kind, start, start + _HEADER.size, start + size)
        start += size


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of these parts."""
    content = b"".join(parts)
    return _HEADER.pack(_HEADER.size + len(content), kind) + content


def meta_boxes(data: bytes) -> list[Box]:
    """The boxes of the file's `meta`; empty where there is none."""
    meta = next((one for one in boxes(data) if one.kind == b"meta"), None)
    return [] if meta is None else list(boxes(data, meta.content + FULL_BOX, meta.end))


def items(data: bytes) -> Iterator[Item]:
    """The items whose bytes lie in the file as one piece."""
    found = {one.kind: one for one in meta_boxes(data)}
    if b"iinf" not in found or b"iloc" not in found:
        return
    kinds = dict(_kinds(data, found[b"iinf"]))
    for number, start, size in locations(data, found[b"iloc"]):
        yield Item(number, kinds.get(number, b""), start, size)


def _kinds(data: bytes, iinf: Box) -> Iterator[tuple[int, bytes]]:
    counts = 2 if data[iinf.content] == 0 else 4
    for entry in boxes(data, iinf.content + FULL_BOX + counts, iinf.end):
        version = data[entry.content]
        wide = ">I2x4s" if version > 2 else ">H2x4s"  # noqa: PLR2004 - from version 3 on a number has 32 bits
        number, kind = struct.unpack_from(wide, data, entry.content + FULL_BOX)
        yield number, kind


def locations(data: bytes, iloc: Box) -> Iterator[tuple[int, int, int]]:
    """Number, start and size of each item that is one piece of the file itself; ValueError for any other."""
    version = data[iloc.content]
    at = iloc.content + FULL_BOX
    sizes, bases = data[at], data[at + 1]
    offset_bytes, length_bytes, base_bytes, index_bytes = sizes >> 4, sizes & 15, bases >> 4, bases & 15
    numbers = 4 if version > 1 else 2
    count, at = int.from_bytes(data[at + 2 : at + 2 + numbers]), at + 2 + numbers

    def taken(many: int) -> int:
        nonlocal at
        at += many
        return int.from_bytes(data[at - many : at])

    for _ in range(count):
        number = taken(numbers)
        method = taken(2) & 15 if version else 0
        taken(2)  # which file: this one
        base, pieces = taken(base_bytes), taken(2)
        if method or pieces != 1:
            raise ValueError("an item is in pieces")
        if version:
            taken(index_bytes)
        start = base + taken(offset_bytes)
        yield number, start, taken(length_bytes)
