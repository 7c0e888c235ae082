"""Camera raw: told by its bytes in pure Python, measured by LibRaw's own header reader.

This is the one header that native code reads: only LibRaw knows which of a raw file's sizes is the picture's.
It has to be asked before any TIFF reader, which would find the thumbnail and take it for the picture.
"""

from __future__ import annotations

import io
import struct

import rawpy

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading, upright
from leanpix.engine.reading.headers import tiff

_FUJIFILM, _FUJIFILM_DATA_AT = b"FUJIFILMCCD-RAW", 100
_CANON_BOXES, _MAX_BOXES = b"ftypcrx ", 1000
_MAGICS = (
    (0, _FUJIFILM),
    (0, b"FOVb"),
    (0, b"\0MRM"),
    (0, b"IIRO"),
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),
    (4, _CANON_BOXES),
    (6, b"HEAPCCDR"),
)
_MAGICS_IN_TIFF = ((8, b"CR"), (8, b"IIII"), (8, b"MMMM"))
_MAGICS_OF_TIFFS = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
_ELSEWHERE = 0xFFFFFFFF
"""Panasonic's offset of strips that another tag tells of."""

_MOSAICS = frozenset({32803, 34892})
_REDUCED = 1
_TURNS = {3: 3, 5: 8, 6: 6}
"""LibRaw's turns as EXIF orientations."""


def matches(source: bytes) -> bool:
    """Whether the bytes are a camera's: by magic, or a TIFF with a mosaic or with a thumbnail for a first page."""
    if any(source.startswith(magic, at) for at, magic in _MAGICS):
        return True
    if not tiff.matches(source):
        return False
    if any(source.startswith(magic, at) for at, magic in _MAGICS_IN_TIFF):
        return True
    try:
        page = tiff.first_directory(source)
        below = tiff.sub_directories(source, page)
    except (struct.error, OverflowError):
        return False
    # A scanner's thumbnail has its picture behind it, in what any reader of TIFF takes.
    is_thumbnail = page.get(tiff.SUBFILE, (0,))[0] & _REDUCED and tiff.MAKE in page
    is_alone = is_thumbnail and not any(found.is_whole for found in tiff.pages(source))
    return bool(is_alone) or any(_is_mosaic(found) for found in (page, *below))


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a camera raw file; raises TaskFailure. Orientation is 1: LibRaw turns the picture itself."""
    try:
        with rawpy.imread(io.BytesIO(source)) as opened:
            sizes, colours = opened.sizes, opened.num_colors
    except rawpy.LibRawError as error:
        raise damaged("the camera raw header is broken or of an unknown camera") from error
    width, height = _squared(sizes.width, sizes.height, sizes.pixel_aspect)
    width, height = upright(width, height, _TURNS.get(sizes.flip, 1))
    check_size(width, height, 1, limits)
    return Probe(SourceFormat.RAW, width, height, bands=3 if colours > 1 else 1, bits=16, is_lossless=True)


def check_pieces(source: bytes) -> None:
    """Raise TaskFailure where the sensor's data reaches beyond the bytes: strips and tiles of what is laid out as TIFF.

    Of Fujifilm's and Canon's own layouts the parts. Smaller pictures beside it may be cut: that costs no pixel.
    """
    with reading("camera raw"):
        is_cut = _is_cut_fujifilm(source) if source.startswith(_FUJIFILM) else _is_cut_canon(source)
    if is_cut:
        raise damaged("the camera raw data is cut short")
    plain = _as_tiff(source)
    if plain is None:
        return
    for page in tiff.pages(plain):
        if page.is_reduced:
            continue
        for names in ((tiff.STRIP_OFFSETS, tiff.STRIP_BYTES), (tiff.TILE_OFFSETS, tiff.TILE_BYTES)):
            offsets, counts = (tiff.numbers(plain, page, name) for name in names)
            ends = [at + count for at, count in zip(offsets, counts, strict=False) if at != _ELSEWHERE]
            if max(ends, default=0) > len(source):
                raise damaged("the camera raw data is cut short")


def _is_cut_fujifilm(source: bytes) -> bool:
    offset, length = struct.unpack_from(">II", source, _FUJIFILM_DATA_AT)
    return bool(offset + length > len(source))


def _is_cut_canon(source: bytes) -> bool:
    """Whether a box of CR3 reaches beyond the bytes; False for all that is no CR3."""
    if not source.startswith(_CANON_BOXES, 4):
        return False
    at = 0
    for _ in range(_MAX_BOXES):
        if at + 8 > len(source):
            return False
        (length,) = struct.unpack_from(">I", source, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", source, at + 8)
        at += max(length, 8) if length else len(source) - at
        if at > len(source):
            return True
    return False


def _as_tiff(source: bytes) -> bytes | None:
    """The bytes with a TIFF's signature in the place of a maker's own; None for what is no TIFF beneath."""
    if tiff.matches(source):
        return source
    if not source.startswith(_MAGICS_OF_TIFFS):
        return None
    return (b"II*\0" if source[:2] == b"II" else b"MM\0*") + source[4:]


def _squared(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The size once LibRaw has made the pixels square."""
    if aspect < 1:
        return width, round(height / aspect) if aspect > 0 else height
    return round(width * aspect), height


def _is_mosaic(page: tiff.Tags) -> bool:
    kind = page.get(tiff.PHOTOMETRIC, (0,))[0]
    return kind in _MOSAICS or tiff.DNG_VERSION in page or tiff.CFA_PATTERN in page
