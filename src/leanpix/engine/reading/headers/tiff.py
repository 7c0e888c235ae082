"""TIFF and BigTIFF: the first directory, as far as size, colour and orientation go, and the number of pages."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading, unsupported, upright

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 259, 262, 274
SUBFILE, MAKE, SAMPLES, SUB_DIRECTORIES, EXTRA_SAMPLES, PROFILE = 254, 271, 277, 330, 338, 34675
CFA_PATTERN, DNG_VERSION = 33422, 50706
_PALETTE, _SEPARATED, _LAB = 3, 5, 8
_ASSOCIATED, _STRAIGHT = 1, 2
_LOSSY = frozenset({6, 7, 33005, 34887, 34892, 50001})
_DEPTHS = frozenset({1, 2, 4, 8, 16, 32, 64})
_UNREAD = {
    34661: "JBIG",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50002: "JPEG XL",
}
"""Compressions that libvips' wheel is built without."""

_MAX_ENTRIES, _MAX_VALUES, _MAX_PAGES, _MAX_SAMPLES = 2048, 64, 1000, 16
_TYPES = {1: "B", 2: "c", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

Directory = Mapping[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a TIFF file is written: its byte order, and whether with offsets of 8 bytes (BigTIFF)."""

    order: str
    big: bool

    @property
    def first(self) -> int:
        """Where the offset of the first directory lies."""
        return 8 if self.big else 4


_LAYOUTS = {
    b"II*\0": Layout("<", big=False),
    b"MM\0*": Layout(">", big=False),
    b"II+\0": Layout("<", big=True),
    b"MM\0+": Layout(">", big=True),
}


@dataclass(frozen=True, slots=True)
class Samples:
    """What the samples of a pixel are. extra: how many beyond the colours; alpha is the first of them, if any."""

    colours: int
    extra: int
    is_lab: bool
    has_alpha: bool


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a TIFF."""
    return source[:4] in _LAYOUTS


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a TIFF's first page; raises TaskFailure."""
    with reading("TIFF"):
        page = first_directory(source)
    width, height = _one(page, WIDTH, 0), _one(page, HEIGHT, 0)
    check_size(width, height, 1, limits)
    packing = _one(page, COMPRESSION, 1)
    if packing in _UNREAD:
        raise unsupported(f"TIFF with {_UNREAD[packing]} compression is not read; LZW and Deflate are")
    depths, bands = page.get(BITS, (1,)), _one(page, SAMPLES, 1)
    if not set(depths) <= _DEPTHS or not 1 <= bands <= _MAX_SAMPLES:
        raise damaged("the TIFF's samples are none that can be read")
    turn = _one(page, ORIENTATION, 1)
    turn = turn if 1 <= turn <= 8 else 1  # noqa: PLR2004 - there are eight orientations
    wide, high = upright(width, height, turn)
    found = samples(page)
    return Probe(
        SourceFormat.TIFF,
        wide,
        high,
        has_alpha=found.has_alpha,
        orientation=turn,
        bands=found.colours + found.has_alpha,
        bits=max(depths),
        has_profile=PROFILE in page,
        is_lossless=packing not in _LOSSY,
    )


def samples(page: Directory) -> Samples:
    """Tell colours from alpha: an extra sample of unspecified meaning is neither."""
    kind, total = _one(page, PHOTOMETRIC, 1), _one(page, SAMPLES, 1)
    colours = 3 if kind == _PALETTE else {_SEPARATED: 4}.get(kind, 3 if total > 2 else 1)  # noqa: PLR2004 - RGB
    extra = 0 if kind == _PALETTE else max(total - colours, 0)
    meaning = _one(page, EXTRA_SAMPLES, 0) if extra else 0
    return Samples(
        colours,
        extra,
        is_lab=kind == _LAB,
        has_alpha=meaning in {_ASSOCIATED, _STRAIGHT},
    )


def first_directory(source: bytes) -> Directory:
    """The tags of the first page with at most 64 values each; struct.error where it lies outside of the bytes."""
    layout = _LAYOUTS[source[:4]]
    return directory(source, layout, _offset(source, layout, layout.first))


def sub_directories(source: bytes, page: Directory) -> list[Directory]:
    """The directories below a page."""
    layout = _LAYOUTS[source[:4]]
    return [directory(source, layout, offset) for offset in page.get(SUB_DIRECTORIES, ())[:8]]


def page_count(source: bytes) -> int:
    """How many pages follow each other, counted up to a thousand; a chain that bites its tail ends there."""
    layout = _LAYOUTS[source[:4]]
    seen: set[int] = set()
    try:
        at = _offset(source, layout, layout.first)
        while at and at not in seen and len(seen) < _MAX_PAGES:
            seen.add(at)
            at = _offset(source, layout, _entries(source, layout, at)[1])
    except (struct.error, OverflowError):
        pass
    return len(seen)


def directory(source: bytes, layout: Layout, at: int) -> Directory:
    """The integer tags of one directory."""
    start, end = _entries(source, layout, at)
    size = 20 if layout.big else 12
    tags = {}
    for entry in range(start, min(end, start + size * _MAX_ENTRIES), size):
        tag, kind, count = struct.unpack_from(f"{layout.order}HH{'Q' if layout.big else 'I'}", source, entry)
        values = _values(source, layout, entry + (12 if layout.big else 8), kind, min(count, _MAX_VALUES))
        if values:
            tags[tag] = values
    return tags


def _values(source: bytes, layout: Layout, at: int, kind: int, count: int) -> tuple[int, ...]:
    letter = _TYPES.get(kind)
    if letter is None or letter == "c":
        return (0,) * min(count, 1)
    form = f"{layout.order}{count}{letter}"
    inline = 8 if layout.big else 4
    if struct.calcsize(form) > inline:
        at = _offset(source, layout, at)
    try:
        return struct.unpack_from(form, source, at)
    except (struct.error, OverflowError):
        return ()


def _entries(source: bytes, layout: Layout, at: int) -> tuple[int, int]:
    """Where a directory's entries begin and end; the next directory's offset lies at the end."""
    (count,) = struct.unpack_from(f"{layout.order}{'Q' if layout.big else 'H'}", source, at)
    start = at + (8 if layout.big else 2)
    return start, start + count * (20 if layout.big else 12)


def _offset(source: bytes, layout: Layout, at: int) -> int:
    offset: int = struct.unpack_from(f"{layout.order}{'Q' if layout.big else 'I'}", source, at)[0]
    return offset


def _one(page: Directory, tag: int, default: int) -> int:
    return page.get(tag, (default,))[0]
