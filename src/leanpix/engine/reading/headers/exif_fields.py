"""A few fields out of an EXIF block, as a block of their own: values are copied as they are, never understood."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from leanpix.domain.request import Metadata

_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
_LONG = 4
_IN_PLACE = 4
_MAX_ENTRIES = 1024
_MAX_FIELD_BYTES = 1024
"""A copyright, the longest of them, is a line or two; what is longer is left out."""

_PHOTO, _GPS = 0x8769, 0x8825
_COPYRIGHT = frozenset({0x8298})
_CREATION = frozenset({0x9003, 0x9011, 0x9291})  # the moment, its offset from UTC, its fraction of a second
_LOCATION = frozenset(range(0x20))


@dataclass(frozen=True, slots=True)
class _Field:
    kind: int
    count: int
    value: bytes


_Directory = dict[int, _Field]


def kept_fields(block: bytes, wanted: tuple[Metadata, ...]) -> bytes:
    """An EXIF block of the wanted fields alone, at most 40 KB; empty where the given block has none of them.

    block: a TIFF structure, with or without its `Exif` mark. What of it cannot be read counts as absent.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = _BYTE_ORDERS.get(block[:4])
    if order is None:
        return b""
    main = _directory(block, order, _number(block, order, 4))
    parts: dict[int, _Directory] = {}
    if Metadata.CREATION in wanted:
        parts[_PHOTO] = _chosen(_below(block, order, main, _PHOTO), _CREATION)
    if Metadata.LOCATION in wanted:
        parts[_GPS] = _chosen(_below(block, order, main, _GPS), _LOCATION)
    top = _chosen(main, _COPYRIGHT if Metadata.COPYRIGHT in wanted else frozenset())
    below = {tag: part for tag, part in parts.items() if part}
    return block[:4] + _written(order, top, below) if top or below else b""


def _number(block: bytes, order: str, at: int) -> int | None:
    try:
        return int(struct.unpack_from(f"{order}I", block, at)[0])
    except struct.error:
        return None


def _directory(block: bytes, order: str, start: int | None) -> _Directory:
    """The fields of one directory whose values lie inside the block; directories are never followed in a chain."""
    found: _Directory = {}
    if start is None or start + 2 > len(block):
        return found
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for at in range(start + 2, min(start + 2 + 12 * min(count, _MAX_ENTRIES), len(block) - 11), 12):
        tag, kind, many = struct.unpack_from(f"{order}HHI", block, at)
        size = _VALUE_BYTES.get(kind, 0) * many
        place = at + 8 if size <= _IN_PLACE else _number(block, order, at + 8) or 0
        if 0 < size <= _MAX_FIELD_BYTES and place + size <= len(block):
            found.setdefault(tag, _Field(kind, many, block[place : place + size]))
    return found


def _below(block: bytes, order: str, main: _Directory, pointer: int) -> _Directory:
    field = main.get(pointer)
    is_pointer = field is not None and (field.kind, field.count) == (_LONG, 1)
    return _directory(block, order, _number(field.value, order, 0)) if field is not None and is_pointer else {}


def _chosen(fields: _Directory, tags: frozenset[int]) -> _Directory:
    return {tag: field for tag, field in fields.items() if tag in tags}


def _written(order: str, top: _Directory, below: Mapping[int, _Directory]) -> bytes:
    """What follows the four bytes of a block's mark: the main directory, then those that it points at."""
    start = 8
    # The pointers take the same room whatever they point at.
    room = len(_laid_out(order, top | dict.fromkeys(below, _Field(_LONG, 1, bytes(4))), start))
    pointers: _Directory = {}
    after = b""
    for tag, part in sorted(below.items()):
        place = start + room + len(after)
        pointers[tag] = _Field(_LONG, 1, struct.pack(f"{order}I", place))
        after += _laid_out(order, part, place)
    return struct.pack(f"{order}I", start) + _laid_out(order, top | pointers, start) + after


def _laid_out(order: str, fields: _Directory, start: int) -> bytes:
    """A directory at this place of its block, followed by the values that do not fit into it."""
    entries, values = b"", b""
    values_start = start + 2 + 12 * len(fields) + 4
    for tag, field in sorted(fields.items()):
        value = field.value
        if len(value) > _IN_PLACE:
            value = struct.pack(f"{order}I", values_start + len(values))
            values += field.value + b"\0" * (len(field.value) & 1)
        entries += struct.pack(f"{order}HHI", tag, field.kind, field.count) + value.ljust(_IN_PLACE, b"\0")
    return struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + values
