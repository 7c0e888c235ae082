"""A few fields out of an EXIF block, as a block of their own: values are copied as they are, never understood."""

from __future__ import annotations

import struct
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from leanpix.domain.keep import Keep

_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
_ASCII, _LONG, _RATIONAL = 2, 4, 5
_IN_PLACE = 4
_MAX_ENTRIES = 1024
_MAX_FIELD_BYTES = 8192
"""A comment, the longest of them, is a page; what is longer, such as a maker's own notes, is left out."""

_MOST_BYTES = 60_000
"""Of a block: a segment of JPEG takes 64 KB."""

_PHOTO, _GPS = 0x8769, 0x8825
_ORIENTATION, _SIDES, _PHOTO_SIDES = 0x0112, (0x0100, 0x0101), (0xA002, 0xA003)
_THUMBNAIL, _THUMBNAIL_BYTES = 0x0201, 0x0202
_SHORT = 3
_RESOLUTION, _RESOLUTION_UNIT, _INCH = (0x011A, 0x011B), 0x0128, 2
_COPYRIGHT, _ARTIST = 0x8298, 0x013B
_EMPTY = b"II*\0\x08\0\0\0\0\0\0\0\0\0"

# By kind: tags of the main directory, and of the photograph's. Moving a maker's notes (0x927C) breaks them.
_TAGS: dict[Keep, tuple[Container[int], Container[int]]] = {
    Keep.COPYRIGHT: (frozenset({0x8298, 0x013B, 0x9C9D}), frozenset({0xA437})),
    Keep.DATE: (
        frozenset({0x0132}),
        frozenset({0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292}),
    ),
    Keep.CAMERA: (
        frozenset({0x010F, 0x0110}),
        frozenset(
            {0x829A, 0x829D, 0x8822, 0x8827, *range(0x8830, 0x8836), *range(0x9201, 0x920B), 0x9214}
            | {0xA20E, 0xA20F, 0xA210, 0xA215, 0xA217, 0xA300, 0xA301, *range(0xA401, 0xA40B), 0xA40C}
            | {*range(0xA431, 0xA436)}
        ),
    ),
    Keep.EXIF: (
        frozenset({0x010D, 0x010E, 0x011A, 0x011B, 0x0128, 0x0131, 0x013C, *range(0x9C9B, 0x9CA0), 0x4746, 0x4749}),
        range(0x8000, 0xB000),
    ),
}
_NEVER = frozenset({0x927C, 0xA005, *_PHOTO_SIDES})
_WITH_EXIF = (Keep.COPYRIGHT, Keep.DATE, Keep.GPS, Keep.CAMERA, Keep.EXIF)


@dataclass(frozen=True, slots=True)
class _Field:
    kind: int
    count: int
    value: bytes


_Directory = dict[int, _Field]


def kept_fields(block: bytes, wanted: tuple[Keep, ...]) -> bytes:
    """An EXIF block of the wanted fields alone, at most 60 KB; empty where the given block has none of them.

    block: a TIFF structure, with or without its `Exif` mark. What of it cannot be read counts as absent.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = _BYTE_ORDERS.get(block[:4])
    if order is None:
        return b""
    kinds = _WITH_EXIF if Keep.EXIF in wanted else wanted
    tags = [_TAGS[kind] for kind in kinds if kind in _TAGS]
    main = _directory(block, order, _number(block, order, 4))
    top = _chosen(main, [above for above, _ in tags])
    photo = _chosen(_below(block, order, main, _PHOTO), [below for _, below in tags])
    place = _chosen(_below(block, order, main, _GPS), [range(0x20)]) if Keep.GPS in kinds else {}
    below = {tag: part for tag, part in ((_PHOTO, photo), (_GPS, place)) if part}
    written = block[:4] + _written(order, top, below) if top or below else b""
    if len(written) <= _MOST_BYTES:
        return written
    fewer = tuple(kind for kind in _WITH_EXIF if kind is not Keep.EXIF)  # the kinds that are known are short
    return kept_fields(block, fewer) if Keep.EXIF in wanted else b""


def whole_block(block: bytes, width_px: int, height_px: int) -> bytes:
    """The block of a JPEG, PNG or WebP as it is, for a result of these sides; empty where it cannot be read.

    Everything stays in its place, for a maker's notes point into it. The orientation becomes 1, for results are
    upright, the sides are the result's, and the thumbnail goes.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = _BYTE_ORDERS.get(block[:4])
    if order is None:
        return b""
    changed = bytearray(block)
    main = _number(block, order, 4)
    places = _places(block, order, main)
    if main is None or not places:
        return b""
    _set(changed, order, places.get(_ORIENTATION), 1)
    pointer = places.get(_PHOTO)
    photo = {} if pointer is None else _places(block, order, _number(block, order, pointer + 8))
    for tags, found in ((_SIDES, places), (_PHOTO_SIDES, photo)):
        for tag, side in zip(tags, (width_px, height_px), strict=True):
            _set(changed, order, found.get(tag), side)
    return _without_thumbnail(changed, order, main)


def with_resolution(block: bytes, density: tuple[float, float]) -> bytes:
    """The block, or a new one, in which the main directory says so many dots per inch across and down."""
    order = _order(block)
    sides = (Fraction(side).limit_denominator(10_000) for side in density)
    fields = {
        tag: _Field(_RATIONAL, 1, struct.pack(f"{order}II", side.numerator, side.denominator))
        for tag, side in zip(_RESOLUTION, sides, strict=True)
    }
    return _with_fields(block, fields | {_RESOLUTION_UNIT: _Field(_SHORT, 1, struct.pack(f"{order}H", _INCH))})


def with_owner(block: bytes, notice: str, artist: str) -> bytes:
    """The block, or a new one, with a copyright notice and an author where it has none yet; empty texts are none."""
    known = _directory(block, _order(block), _number(block, _order(block), 4)) if block else {}
    texts = {_COPYRIGHT: notice, _ARTIST: artist}
    new = {tag: text.encode() + b"\0" for tag, text in texts.items() if text and tag not in known}
    fields = {tag: _Field(_ASCII, len(text), text) for tag, text in new.items()}
    return _with_fields(block, fields) if fields else block


def _order(block: bytes) -> str:
    return _BYTE_ORDERS.get(block[:4], "<")


def _with_fields(block: bytes, fields: _Directory) -> bytes:
    """The block with these fields in its main directory, which is written anew at the end: nothing else moves."""
    block = block or _EMPTY
    order, main = _order(block), _number(block, _order(block), 4)
    places = _places(block, order, main)
    entries = {tag: bytes(block[at : at + 12]) for tag, at in places.items() if tag not in fields}
    block += b"\0" * (len(block) & 1)
    values_at = len(block) + 2 + 12 * (len(entries) + len(fields)) + 4
    values = b""
    for tag, field in fields.items():
        value = field.value
        if len(value) > _IN_PLACE:
            value = struct.pack(f"{order}I", values_at + len(values))
            values += field.value + b"\0" * (len(field.value) & 1)
        entries[tag] = struct.pack(f"{order}HHI", tag, field.kind, field.count) + value.ljust(_IN_PLACE, b"\0")
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entry for _, entry in sorted(entries.items()))
    return block[:4] + struct.pack(f"{order}I", len(block)) + block[8:] + directory + bytes(4) + values


def _places(block: bytes | bytearray, order: str, start: int | None) -> dict[int, int]:
    """Where each entry of a directory lies."""
    if start is None or start + 2 > len(block):
        return {}
    (count,) = struct.unpack_from(f"{order}H", block, start)
    entries = range(start + 2, min(start + 2 + 12 * min(count, _MAX_ENTRIES), len(block) - 11), 12)
    return {int(struct.unpack_from(f"{order}H", block, at)[0]): at for at in entries}


def _set(block: bytearray, order: str, at: int | None, value: int) -> None:
    """Put a number of 16 or 32 bits in the place of another; any other entry stays."""
    if at is None:
        return
    kind, count = struct.unpack_from(f"{order}HI", block, at + 2)
    if count == 1 and kind in {_SHORT, _LONG}:
        struct.pack_into(f"{order}H2x" if kind == _SHORT else f"{order}I", block, at + 8, value)


def _without_thumbnail(block: bytearray, order: str, main: int) -> bytes:
    """The second directory unlinked; its picture cut off where it ends the block, as it mostly does, else blank."""
    (count,) = struct.unpack_from(f"{order}H", block, main)
    link = main + 2 + 12 * count
    if link + 4 > len(block):
        return bytes(block)
    second = _number(block, order, link) or 0
    struct.pack_into(f"{order}I", block, link, 0)
    places = _places(block, order, second) if second else {}
    if _THUMBNAIL not in places or _THUMBNAIL_BYTES not in places:
        return bytes(block)
    start, size = (_number(block, order, places[tag] + 8) or 0 for tag in (_THUMBNAIL, _THUMBNAIL_BYTES))
    if not second < start <= start + size <= len(block):
        return bytes(block)
    if not bytes(block[start + size :]).strip(b"\0"):
        return bytes(block[:start])
    block[start : start + size] = bytes(size)
    return bytes(block)


def _number(block: bytes | bytearray, order: str, at: int) -> int | None:
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


def _chosen(fields: _Directory, kinds: Sequence[Container[int]]) -> _Directory:
    return {tag: field for tag, field in fields.items() if tag not in _NEVER and any(tag in kind for kind in kinds)}


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
