"""A TIFF's picture described anew, in a directory of its own: nothing but the tags that make its pixels.

What native code reads is then what has been judged: each tag once, one page, every strip or tile inside of the bytes.
A picture that libtiff's readers do not take can be described as one that they take: planes one by one, YCbCr as bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leanpix.engine.facts import damaged
from leanpix.engine.reading.headers import tiff

_SHORT, _LONG, _LONG8 = 3, 4, 16
_TILE_WIDTH, _TILE_HEIGHT, _ROWS, _PREDICTOR, _COLOUR_MAP, _INKS = 322, 323, 278, 317, 320, 332
PLANAR = 284
SUBSAMPLING, COEFFICIENTS, BLACK_AND_WHITE, POSITIONING = 530, 529, 532, 531
_PIXEL_TAGS = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332, 338, 339, 347}
    | {512, 513, 514, 515, 517, 518, 519, 520, 521, SUBSAMPLING, COEFFICIENTS, BLACK_AND_WHITE, POSITIONING}
)
_OLD_JPEG = 6
_NOT_PACKED = 1
_CHECKED_TO_THE_END = frozenset({5, 8, 32773, 32946})
"""LZW, Deflate and PackBits: their decoders tell where a row is missing, so a count may reach beyond the bytes."""

_MOST_TILE_TO_PICTURE, _ANY_TILE_PIXELS = 4, 1_000_000

Changes = Mapping[int, Sequence[int] | None]


@dataclass(frozen=True, slots=True)
class Pieces:
    """The strips or tiles: offsets and byte counts. is_cut: a count reaches beyond the bytes."""

    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    is_tiled: bool
    is_cut: bool = False

    def of_plane(self, number: int, planes: int) -> Pieces:
        """Those of one plane."""
        each = len(self.offsets) // planes
        part = slice(number * each, (number + 1) * each)
        return Pieces(self.offsets[part], self.counts[part], self.is_tiled)

    def as_strips(self) -> Pieces:
        """The same bytes as strips."""
        return Pieces(self.offsets, self.counts, is_tiled=False)


@dataclass(frozen=True, slots=True)
class Blocks:
    """So many columns and rows of blocks, each of some pixels across and down in so many samples."""

    columns: int
    rows: int
    across: int = 1
    down: int = 1
    samples: int = 1


def pieces(source: bytes, page: tiff.Page) -> Pieces | None:
    """Where the pixels lie; None for what keeps them elsewhere (JPEG of the old kind).

    Raises TaskFailure where they lie outside of the bytes, or where fewer are there than the picture takes.
    """
    is_tiled = tiff.TILE_OFFSETS in page.tags
    names = (tiff.TILE_OFFSETS, tiff.TILE_BYTES) if is_tiled else (tiff.STRIP_OFFSETS, tiff.STRIP_BYTES)
    offsets, counts = (tiff.numbers(source, page, name) for name in names)
    packing = page.tags.get(tiff.COMPRESSION, (_NOT_PACKED,))[0]
    if packing == _OLD_JPEG:
        return None
    if not offsets or max(offsets) >= len(source):
        raise damaged("the TIFF is cut short")
    _check_tiles(page, is_tiled=is_tiled)
    if len(counts) != len(offsets):
        # libtiff guesses: each reaches to the next.
        ends = (*sorted(offsets)[1:], len(source))
        following = dict(zip(sorted(offsets), ends, strict=True))
        counts = tuple(following[offset] - offset for offset in offsets)
    is_cut = any(offset + count > len(source) for offset, count in zip(offsets, counts, strict=True))
    if is_cut and packing not in _CHECKED_TO_THE_END:
        raise damaged("the TIFF is cut short")
    counts = tuple(min(count, len(source) - offset) for offset, count in zip(offsets, counts, strict=True))
    return Pieces(offsets, counts, is_tiled, is_cut)


def described(source: bytes, page: tiff.Page, found: Pieces | None, changes: Changes | None = None) -> bytes:
    """The file with one directory, of the page's tags and of these changes (None: the tag is left out)."""
    layout = tiff.layout_of(source)
    fields = dict(tiff.values(source, page.at, _PIXEL_TAGS))
    told: dict[int, Sequence[int] | None] = dict(changes or {})
    if found is not None:
        told |= dict.fromkeys((tiff.TILE_OFFSETS, tiff.TILE_BYTES, tiff.STRIP_OFFSETS, tiff.STRIP_BYTES))
        names = (tiff.TILE_OFFSETS, tiff.TILE_BYTES) if found.is_tiled else (tiff.STRIP_OFFSETS, tiff.STRIP_BYTES)
        told |= dict(zip(names, (found.offsets, found.counts), strict=True))
    for tag, numbers in told.items():
        fields.pop(tag, None)
        if numbers is not None:
            kind = _LONG8 if layout.big else _LONG
            kind = _SHORT if max(numbers) < 1 << 16 else kind
            fields[tag] = (
                kind,
                struct.pack(f"{layout.order}{len(numbers)}{'HIQ'[(_SHORT, _LONG, _LONG8).index(kind)]}", *numbers),
            )
    head, rest = source[: layout.first], source[layout.first + layout.inline :]
    padding = bytes(-len(source) % 8)
    start = len(source) + len(padding)
    return b"".join([head, _offset(start, layout), rest, padding, _written(fields, layout, start)])


def one_plane(number: int, page: tiff.Page) -> dict[int, Sequence[int] | None]:
    """The changes that describe one plane as a gray picture."""
    depths = page.tags.get(tiff.BITS, (1,))
    return {
        tiff.BITS: (depths[min(number, len(depths) - 1)],),
        tiff.PHOTOMETRIC: (1,),
        tiff.SAMPLES: (1,),
        PLANAR: (1,),
        tiff.SAMPLE_FORMAT: page.tags.get(tiff.SAMPLE_FORMAT, (1,))[:1],
        tiff.EXTRA_SAMPLES: None,
        SUBSAMPLING: None,
        COEFFICIENTS: None,
        BLACK_AND_WHITE: None,
        POSITIONING: None,
        _COLOUR_MAP: None,
        _INKS: None,
    }


def as_bytes(page: tiff.Page, placed: Pieces, blocks: Blocks) -> dict[int, Sequence[int] | None]:
    """The changes that describe 8-bit blocks as a gray picture of their bytes, tiles as strips below each other."""
    changes: dict[int, Sequence[int] | None] = dict(one_plane(0, page))
    if placed.is_tiled:
        columns, rows = page.tags[_TILE_WIDTH][0] // blocks.across, page.tags[_TILE_HEIGHT][0] // blocks.down
        height = rows * len(placed.offsets)
    else:
        columns, height = blocks.columns, blocks.rows
        rows = -(-min(page.tags.get(_ROWS, (height * blocks.down,))[0], height * blocks.down) // blocks.down)
    if not columns or not rows:
        raise damaged("the TIFF's tiles and its chroma disagree")
    # Differences are to the same sample of the block before: libtiff takes them apart only where samples are told.
    told: dict[int, Sequence[int]] = (
        {tiff.SAMPLES: (blocks.samples,)} if blocks.samples == page.tags[tiff.SAMPLES][0] else {}
    )
    width = columns if told else columns * blocks.samples
    changes |= {tiff.WIDTH: (width,), tiff.HEIGHT: (height,), _ROWS: (rows,), _TILE_WIDTH: None, _TILE_HEIGHT: None}
    if told:
        changes |= told
        changes |= {tiff.BITS: (8,) * blocks.samples, tiff.PHOTOMETRIC: (2,), tiff.SAMPLE_FORMAT: None}
    return changes


def is_planar(page: tiff.Page) -> bool:
    """Whether each sample has a plane of its own."""
    return page.tags.get(PLANAR, (1,))[0] == 2 and page.tags.get(tiff.SAMPLES, (1,))[0] > 1  # noqa: PLR2004 - separate, by the text


def _check_tiles(page: tiff.Page, *, is_tiled: bool) -> None:
    """Refuse tiles that are much larger than the picture: each is decoded whole."""
    if not is_tiled:
        return
    tile = page.tags.get(_TILE_WIDTH, (0,))[0] * page.tags.get(_TILE_HEIGHT, (0,))[0]
    if not 0 < tile <= max(_MOST_TILE_TO_PICTURE * page.pixels, _ANY_TILE_PIXELS):
        raise damaged("the TIFF's tiles and its size disagree")


def _offset(value: int, layout: tiff.Layout) -> bytes:
    return struct.pack(f"{layout.order}{'Q' if layout.big else 'I'}", value)


def _written(fields: Mapping[int, tuple[int, bytes]], layout: tiff.Layout, start: int) -> bytes:
    """A directory at this place, followed by the values that do not fit into it."""
    entry_bytes, count_form = (20, "Q") if layout.big else (12, "H")
    head = struct.pack(f"{layout.order}{count_form}", len(fields))
    values_at = start + len(head) + entry_bytes * len(fields) + layout.inline
    entries, values = [head], b""
    for tag, (kind, data) in sorted(fields.items()):
        number = len(data) // tiff.TYPE_BYTES[kind]
        field = data.ljust(layout.inline, b"\0")
        if len(data) > layout.inline:
            field = _offset(values_at + len(values), layout)
            values += data + bytes(-len(data) % 8)
        entries.append(struct.pack(f"{layout.order}HH{'Q' if layout.big else 'I'}", tag, kind, number) + field)
    return b"".join([*entries, bytes(layout.inline), values])
