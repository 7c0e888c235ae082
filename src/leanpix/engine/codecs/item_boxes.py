"""EXIF and XMP as items of an AVIF file: ISO/IEC 23008-12, annex A, and MIAF."""

from __future__ import annotations

import struct

from leanpix.engine.reading.headers.boxes import (
    FULL_BOX,
    Box,
    box,
    boxes,
    item_kinds,
    items,
    locations,
    meta_boxes,
)

_EXIF, _MIME, _CODED = b"Exif", b"mime", b"av01"
_HEADER_BYTES = 8
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


def without_metadata(data: bytes) -> bytes | None:
    """The same still AVIF without EXIF, XMP and other boxes; None for one whose items lie in another way than most do.

    The bytes of its other items are copied behind one `meta`, so nothing of what is left out stays in the file.
    """
    try:
        kept = {one.number: one for one in items(data) if one.kind not in {_EXIF, _MIME}}
        inner = {one.kind: one for one in meta_boxes(data)}
        kinds = dict(item_kinds(data, inner[b"iinf"]))
        wanted = {number for number, kind in kinds.items() if kind not in {_EXIF, _MIME}}
        is_plain = set(kinds.values()) <= {_CODED, _EXIF, _MIME} and wanted == set(kept) and b"idat" not in inner
        ftyp = next(one for one in boxes(data) if one.kind == b"ftyp")
        is_plain = is_plain and data[ftyp.content : ftyp.content + 4] == b"avif"
        if not is_plain or any(data[inner[kind].content] for kind in (b"pitm", b"iref") if kind in inner):
            return None
        pieces = [data[one.start : one.start + one.size] for one in kept.values()]
        sizes = dict(zip(kept, map(len, pieces), strict=True))
        head = data[ftyp.start : ftyp.end]
        start = len(head) + len(_plain_meta(data, inner, dict.fromkeys(kept, (0, 0)))) + _HEADER_BYTES
        places = {}
        for number, size in sizes.items():
            places[number] = (start, size)
            start += size
        return head + _plain_meta(data, inner, places) + box(b"mdat", *pieces)
    except (struct.error, IndexError, StopIteration, KeyError):
        return None


def _plain_meta(data: bytes, inner: dict[bytes, Box], places: dict[int, tuple[int, int]]) -> bytes:
    """A `meta` of these items alone."""
    parts = []
    for one in inner.values():
        match one.kind:
            case b"iinf":
                wide = 2 if data[one.content] == 0 else 4
                entries = [
                    data[entry.start : entry.end]
                    for entry in boxes(data, one.content + FULL_BOX + wide, one.end)
                    if int.from_bytes(data[entry.content + FULL_BOX :][:2]) in places
                ]
                version = data[one.content : one.content + FULL_BOX]
                parts.append(box(b"iinf", version, len(entries).to_bytes(wide), *entries))
            case b"iloc":
                parts.append(_iloc([(number, *place) for number, place in places.items()]))
            case b"iref":
                links = boxes(data, one.content + FULL_BOX, one.end)
                kept = [
                    data[link.start : link.end]
                    for link in links
                    if int.from_bytes(data[link.content : link.content + 2]) in places
                ]
                parts += [box(b"iref", bytes(FULL_BOX), *kept)] if kept else []
            case b"hdlr" | b"pitm" | b"iprp":
                parts.append(data[one.start : one.end])
    return box(b"meta", bytes(FULL_BOX), *parts)


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
