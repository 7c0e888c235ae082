"""Boxes of ISO base media files (ISO/IEC 14496-12), as AVIF, HEIC and JPEG XL have them: strangers' and our own."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = struct.Struct(">I4s")
_WIDE_SIZE = struct.Struct(">Q")
_MOST_BOXES = 20_000
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


def boxes(data: bytes, start: int = 0, end: int | None = None, *, may_be_cut: bool = False) -> Iterator[Box]:
    """The boxes of a stretch; struct.error for one that does not fit into it, but for one that may be cut."""
    end = len(data) if end is None else end
    for _ in range(_MOST_BOXES):
        if start + _HEADER.size > end:
            return
        size, kind = _HEADER.unpack_from(data, start)
        content = start + _HEADER.size
        if size == 1:  # the size follows, in 64 bits
            (size,) = _WIDE_SIZE.unpack_from(data, content)
            content += _WIDE_SIZE.size
        size = size or end - start  # 0: up to the end
        if size < content - start or (start + size > end and not may_be_cut):
            raise struct.error("a box does not fit")
        yield Box(kind, start, content, min(start + size, end))
        start += size
    raise struct.error("there are too many boxes")


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
    kinds = dict(item_kinds(data, found[b"iinf"]))
    for number, in_file, pieces in item_pieces(data, found[b"iloc"]):
        if in_file and len(pieces) == 1:
            yield Item(number, kinds.get(number, b""), *pieces[0])


def item_kinds(data: bytes, iinf: Box) -> Iterator[tuple[int, bytes]]:
    """Number and kind of each item."""
    counts = 2 if data[iinf.content] == 0 else 4
    for entry in boxes(data, iinf.content + FULL_BOX + counts, iinf.end):
        version = data[entry.content]
        wide = ">I2x4s" if version > 2 else ">H2x4s"  # noqa: PLR2004 - from version 3 on a number has 32 bits
        number, kind = struct.unpack_from(wide, data, entry.content + FULL_BOX)
        yield number, kind


def locations(data: bytes, iloc: Box) -> Iterator[tuple[int, int, int]]:
    """Number, start and size of each item that is one piece of the file itself; ValueError for any other."""
    for number, in_file, pieces in item_pieces(data, iloc):
        if not in_file or len(pieces) != 1:
            raise ValueError("an item is in pieces")
        yield number, *pieces[0]


def item_pieces(data: bytes, iloc: Box) -> Iterator[tuple[int, bool, list[tuple[int, int]]]]:
    """Of each item its number, whether it lies in the file itself, and start and size of its pieces."""
    version = data[iloc.content]
    at = iloc.content + FULL_BOX
    sizes, bases = data[at], data[at + 1]
    offset_bytes, length_bytes, base_bytes, index_bytes = sizes >> 4, sizes & 15, bases >> 4, bases & 15
    numbers = 4 if version > 1 else 2
    count, at = int.from_bytes(data[at + 2 : at + 2 + numbers]), at + 2 + numbers

    def taken(many: int) -> int:
        nonlocal at
        at += many
        if at > iloc.end:
            raise struct.error("the places of the items are cut short")
        return int.from_bytes(data[at - many : at])

    for _ in range(count):
        number = taken(numbers)
        method = taken(2) & 15 if version else 0
        taken(2)  # which file: this one
        base, many = taken(base_bytes), taken(2)
        pieces = list[tuple[int, int]]()
        for _ in range(many):
            if version:
                taken(index_bytes)
            start = base + taken(offset_bytes)
            pieces.append((start, taken(length_bytes)))
        yield number, method == 0, pieces
