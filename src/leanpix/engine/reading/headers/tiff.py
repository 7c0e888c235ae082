"""TIFF and BigTIFF: the first directory, as far as size, colour and orientation go, and the number of pages."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading, unsupported, upright

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 259, 262, 274
SUBFILE, OLD_SUBFILE, MAKE, SAMPLES, SUB_DIRECTORIES, EXTRA_SAMPLES, PROFILE = 254, 255, 271, 277, 330, 338, 34675
SAMPLE_FORMAT = 339
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 273, 279, 324, 325
CFA_PATTERN, DNG_VERSION = 33422, 50706
_PALETTE, _SEPARATED, _LAB = 3, 5, 8
_LONG, _RATIONAL = 4, 5
_WHOLE_NUMBERS = frozenset("BHIQ")
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_ASSOCIATED, _STRAIGHT = 1, 2
_LOSSY = frozenset({6, 7, 33005, 34887, 34892, 50001})
_DEPTHS = frozenset({1, 2, 4, 8, 16, 32})
_DEEPEST = 64
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
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TYPES = {1: "B", 2: "c", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

Tags = Mapping[int, tuple[int, ...]]
"""Integer values by tag."""


@dataclass(frozen=True, slots=True)
class Page:
    """A directory: where it lies, and its tags."""

    at: int
    tags: Tags

    @property
    def is_whole(self) -> bool:
        """Whether this is a picture of its own."""
        return not self.is_reduced and self.pixels > 0

    @property
    def is_reduced(self) -> bool:
        """Whether this is said to be a smaller one of another's picture, or its mask."""
        kind, old_kind = _one(self.tags, SUBFILE, 0), _one(self.tags, OLD_SUBFILE, 1)
        return bool(kind & (_REDUCED | _MASK)) or old_kind == _OLD_REDUCED

    @property
    def pixels(self) -> int:
        """Width x height."""
        return _one(self.tags, WIDTH, 0) * _one(self.tags, HEIGHT, 0)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a TIFF file is written: its byte order, and whether with offsets of 8 bytes (BigTIFF)."""

    order: str
    big: bool

    @property
    def first(self) -> int:
        """Where the offset of the first directory lies."""
        return 8 if self.big else 4

    @property
    def inline(self) -> int:
        """How many bytes of values stand in a directory itself."""
        return 8 if self.big else 4


_LAYOUTS = {
    b"II*\0": Layout("<", big=False),
    b"MM\0*": Layout(">", big=False),
    b"II+\0": Layout("<", big=True),
    b"MM\0+": Layout(">", big=True),
}


@dataclass(frozen=True, slots=True)
class Samples:
    """What the samples of a pixel are. extra: how many beyond the colours; alpha: which of them all it is, if any."""

    colours: int
    extra: int
    is_lab: bool
    alpha: int | None = None
    is_premultiplied: bool = False

    @property
    def has_alpha(self) -> bool:
        """Whether one of the samples is alpha."""
        return self.alpha is not None


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a TIFF."""
    return source[:4] in _LAYOUTS


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a TIFF's picture, whatever pages stand before it; raises TaskFailure."""
    with reading("TIFF"):
        page = picture(source).tags
    width, height = _one(page, WIDTH, 0), _one(page, HEIGHT, 0)
    check_size(width, height, 1, limits)
    packing = _one(page, COMPRESSION, 1)
    if packing in _UNREAD:
        raise unsupported(f"TIFF with {_UNREAD[packing]} compression is not read; LZW and Deflate are")
    if _DEEPEST in page.get(BITS, ()):
        raise unsupported("TIFF with samples of 64 bits is not read; of 32 bits it is")
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


def samples(page: Tags) -> Samples:
    """Tell colours from alpha: an extra sample of unspecified meaning is neither."""
    kind, total = _one(page, PHOTOMETRIC, 1), _one(page, SAMPLES, 1)
    colours = 3 if kind == _PALETTE else {_SEPARATED: 4}.get(kind, 3 if total > 2 else 1)  # noqa: PLR2004 - RGB
    extra = 0 if kind == _PALETTE else max(total - colours, 0)
    meanings = page.get(EXTRA_SAMPLES, ())[:extra]
    alphas = [place for place, meaning in enumerate(meanings) if meaning in {_ASSOCIATED, _STRAIGHT}]
    return Samples(
        colours,
        extra,
        is_lab=kind == _LAB,
        alpha=colours + alphas[0] if alphas else None,
        is_premultiplied=bool(alphas) and meanings[alphas[0]] == _ASSOCIATED,
    )


def picture(source: bytes) -> Page:
    """The page that is the picture: the first that is no reduced one and no mask, else the largest.

    Pages follow each other in a chain; where that has thumbnails alone, those below its first page count too.
    Raises struct.error where the first directory lies outside of the bytes.
    """
    layout = _LAYOUTS[source[:4]]
    chain = [Page(at, directory(source, layout, at)) for at in _chain(source)]
    if not chain:
        raise struct.error
    below = [Page(at, directory(source, layout, at)) for at in _below(source, layout, chain[0].tags)]
    wholes = [page for page in (*chain, *below) if page.is_whole]
    return wholes[0] if wholes else max(chain, key=lambda page: page.pixels)


def first_directory(source: bytes) -> Tags:
    """The tags of the first page with at most 64 values each; struct.error where it lies outside of the bytes."""
    layout = _LAYOUTS[source[:4]]
    return directory(source, layout, _offset(source, layout, layout.first))


def sub_directories(source: bytes, page: Tags) -> list[Tags]:
    """The directories below a page."""
    layout = _LAYOUTS[source[:4]]
    return [directory(source, layout, offset) for offset in page.get(SUB_DIRECTORIES, ())[:8]]


def pages(source: bytes) -> list[Page]:
    """The directories that follow each other, and those below them; what lies outside of the bytes is left out."""
    layout = _LAYOUTS[source[:4]]
    found = []
    for at in _chain(source):
        page = Page(at, directory(source, layout, at))
        found.append(page)
        found += [Page(below, directory(source, layout, below)) for below in _below(source, layout, page.tags)]
    return found


def numbers(source: bytes, page: Page, tag: int) -> tuple[int, ...]:
    """All values of a tag of whole numbers; none where there is no such tag. Raises TaskFailure where they are cut."""
    kind, data = values(source, page.at, {tag}).get(tag, (_LONG, b""))
    letter = _TYPES.get(kind)
    if letter not in _WHOLE_NUMBERS:
        raise damaged("the TIFF's strips are of no kind that there is")
    form = f"{layout_of(source).order}{len(data) // TYPE_BYTES[kind]}{letter}"
    return struct.unpack(form, data)


def page_count(source: bytes) -> int:
    """How many pages follow each other that are no thumbnails of another; counted up to a thousand."""
    layout = _LAYOUTS[source[:4]]
    return sum(Page(at, directory(source, layout, at)).is_whole for at in _chain(source))


def _chain(source: bytes) -> list[int]:
    """Where the directories lie that follow each other; a chain that bites its tail ends there."""
    layout = _LAYOUTS[source[:4]]
    found: dict[int, None] = {}
    with suppress(struct.error, OverflowError):
        at = _offset(source, layout, layout.first)
        while at and at not in found and len(found) < _MAX_PAGES:
            following = _offset(source, layout, _entries(source, layout, at)[1])
            found[at] = None
            at = following
    return list(found)


def _below(source: bytes, layout: Layout, page: Tags) -> list[int]:
    found = []
    for at in page.get(SUB_DIRECTORIES, ())[:8]:
        with suppress(struct.error, OverflowError):
            _entries(source, layout, at)
            directory(source, layout, at)
            found.append(at)
    return found


def directory(source: bytes, layout: Layout, at: int) -> Tags:
    """The integer tags of one directory."""
    tags: dict[int, tuple[int, ...]] = {}
    for tag, kind, count, place in _fields(source, layout, at):
        values = _values(source, layout, place, kind, min(count, _MAX_VALUES))
        if values:
            tags.setdefault(tag, values)
    return tags


def values(source: bytes, at: int, wanted: Container[int]) -> dict[int, tuple[int, bytes]]:
    """Kind and raw bytes of these tags of a directory, each but once: of a tag that comes twice the first counts.

    Raises TaskFailure where a value lies outside of the bytes.
    """
    layout = _LAYOUTS[source[:4]]
    found: dict[int, tuple[int, bytes]] = {}
    for tag, kind, count, place in _fields(source, layout, at):
        if tag not in wanted or tag in found or kind not in TYPE_BYTES:
            continue
        size = TYPE_BYTES[kind] * count
        start = place if size <= layout.inline else _offset(source, layout, place)
        if start + size > len(source):
            raise damaged("the TIFF is cut short")
        found[tag] = (kind, source[start : start + size])
    return found


def _fields(source: bytes, layout: Layout, at: int) -> Iterator[tuple[int, int, int, int]]:
    """Tag, kind, number of values, and where they or their offset stand."""
    start, end = _entries(source, layout, at)
    size = 20 if layout.big else 12
    for entry in range(start, min(end, start + size * _MAX_ENTRIES), size):
        tag, kind, count = struct.unpack_from(f"{layout.order}HH{'Q' if layout.big else 'I'}", source, entry)
        yield tag, kind, count, entry + (12 if layout.big else 8)


def profile(source: bytes, page: Page) -> bytes | None:
    """The ICC profile, or None."""
    return values(source, page.at, {PROFILE}).get(PROFILE, (0, None))[1]


def rationals(source: bytes, page: Page, tag: int) -> tuple[float, ...]:
    """The values of a tag of fractions; none where there is no such tag, or of another kind."""
    kind, data = values(source, page.at, {tag}).get(tag, (0, b""))
    if kind != _RATIONAL:
        return ()
    numbers = struct.unpack(f"{layout_of(source).order}{len(data) // 4}I", data)
    return tuple(above / max(below, 1) for above, below in zip(numbers[::2], numbers[1::2], strict=True))


def layout_of(source: bytes) -> Layout:
    """How the file is written."""
    return _LAYOUTS[source[:4]]


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


def _one(page: Tags, tag: int, default: int) -> int:
    return page.get(tag, (default,))[0]
