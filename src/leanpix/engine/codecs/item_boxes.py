"""EXIF and XMP as items of an AVIF file: ISO/IEC 23008-12, annex A, and MIAF."""

from __future__ import annotations

import struct

from leanpix.engine.reading.headers.boxes import FULL_BOX, box, boxes, locations, meta_boxes

_EXIF, _MIME = b"Exif", b"mime"
_XMP_TYPE = b"application/rdf+xml"
_EACH_BYTES, _ALL_BYTES = 128, 64


def room(parts: tuple[bytes, ...]) -> int:
    """An upper bound of the bytes that items take."""
    return _ALL_BYTES + sum(len(part) + _EACH_BYTES for part in parts)


def with_items(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """The same AVIF with a block and a packet; empty ones are left out.

    The new bytes go behind all others. What lies behind `meta` moves by as much as that grows.
    """
    new = [(_EXIF, b"", bytes(4) + exif)] if exif else []
    new += [(_MIME, _XMP_TYPE + b"\0", xmp)] if xmp else []
    if not new:
        return data
    meta = next(one for one in boxes(data) if one.kind == b"meta")
    # A number takes the same room whatever it is, so that a first pass tells how much there is more.
    grown = len(_meta(data, new, 0)) - (meta.end - meta.start)
    return b"".join(
        (
            data[: meta.start],
            _meta(data, new, grown),
            data[meta.end :],
            box(b"mdat", *(content for *_, content in new)),
        )
    )


def _meta(data: bytes, new: list[tuple[bytes, bytes, bytes]], grown: int) -> bytes:
    inner = meta_boxes(data)
    found = {one.kind: one for one in inner}
    places = list(locations(data, found[b"iloc"]))
    first = max(number for number, *_ in places) + 1
    start = len(data) + grown + 8
    primary = found[b"pitm"]
    main = data[primary.content + FULL_BOX : primary.end][-2:]

    entries, moved, references = [], [(number, at + grown, size) for number, at, size in places], []
    for number, (kind, media_type, content) in enumerate(new, start=first):
        hidden = struct.pack(">IHH", 2 << 24 | 1, number, 0)
        entries.append(box(b"infe", hidden, kind, b"\0", media_type))
        moved.append((number, start, len(content)))
        references.append(box(b"cdsc", struct.pack(">HH", number, 1), main))
        start += len(content)

    parts = []
    for one in inner:
        whole = data[one.start : one.end]
        match one.kind:
            case b"iinf":
                parts.append(_more_entries(data[one.content : one.end], entries))
            case b"iloc":
                parts.append(_iloc(moved))
            case b"iref":
                parts.append(box(b"iref", data[one.content : one.end], *references))
            case _:
                parts.append(whole)
    if b"iref" not in found:
        parts.append(box(b"iref", bytes(FULL_BOX), *references))
    return box(b"meta", bytes(FULL_BOX), *parts)


def _more_entries(content: bytes, entries: list[bytes]) -> bytes:
    wide = 2 if content[0] == 0 else 4
    count = int.from_bytes(content[FULL_BOX : FULL_BOX + wide]) + len(entries)
    return box(b"iinf", content[:FULL_BOX], count.to_bytes(wide), content[FULL_BOX + wide :], *entries)


def _iloc(places: list[tuple[int, int, int]]) -> bytes:
    """Version 0: offsets and lengths of 32 bits, no base."""
    rows = (struct.pack(">HHHII", number, 0, 1, start, size) for number, start, size in places)
    return box(b"iloc", bytes(FULL_BOX), b"\x44\0", struct.pack(">H", len(places)), *rows)
