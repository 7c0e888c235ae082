"""Camera raw: told by its bytes in pure Python, measured by LibRaw's own header reader.

This is the one header that native code reads: only LibRaw knows which of a raw file's sizes is the picture's.
It has to be asked before any TIFF reader, which would find the thumbnail and take it for the picture.
"""

from __future__ import annotations

import io
import struct

import rawpy

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, upright
from leanpix.engine.reading.headers import tiff

_MAGICS = (
    (0, b"FUJIFILMCCD-RAW"),
    (0, b"FOVb"),
    (0, b"\0MRM"),
    (0, b"IIRO"),
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),
    (4, b"ftypcrx "),
    (6, b"HEAPCCDR"),
)
_MAGICS_IN_TIFF = ((8, b"CR"), (8, b"IIII"), (8, b"MMMM"))
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
    is_thumbnail = page.get(tiff.SUBFILE, (0,))[0] & _REDUCED and tiff.MAKE in page
    return bool(is_thumbnail) or any(_is_mosaic(found) for found in (page, *below))


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


def _squared(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The size once LibRaw has made the pixels square."""
    if aspect < 1:
        return width, round(height / aspect) if aspect > 0 else height
    return round(width * aspect), height


def _is_mosaic(page: tiff.Directory) -> bool:
    kind = page.get(tiff.PHOTOMETRIC, (0,))[0]
    return kind in _MOSAICS or tiff.DNG_VERSION in page or tiff.CFA_PATTERN in page
