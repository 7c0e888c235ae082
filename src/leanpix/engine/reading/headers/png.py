"""PNG and APNG: size, depth, frames and orientation out of the chunks."""

from __future__ import annotations

import struct
import zlib

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading, upright
from leanpix.engine.reading.headers import apng, exif, png_colour
from leanpix.engine.reading.headers.png_chunks import SIGNATURE, chunks, first_chunks, inflate, palette, transparency
from leanpix.engine.reading.headers.png_mending import mended
from leanpix.engine.reading.layers import Disposal

__all__ = ["damage", "exif_block", "matches", "mended", "read"]

_BANDS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PALETTE_TYPE = 3
_ALPHA_TYPES = frozenset({4, 6})
_RAW_PROFILES = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
_MAX_EXIF_BYTES = 1 << 20
_ADAM7_PASSES = 7


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a PNG."""
    return source.startswith(SIGNATURE)


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a PNG or an APNG; raises TaskFailure."""
    with reading("PNG"):
        width, height, bits, kind, interlace = _image_header(source)
        check_size(width, height, 1, limits)
        _check_chunks(source, kind)
        played = apng.animation(source)
    frames = len(played.frames) if played else 1
    check_size(width, height, frames, limits)
    # A frame need not fill the picture.
    is_see_through = bool(transparency(source)) or (played is not None and not _is_filled(played, width, height))
    has_alpha = kind in _ALPHA_TYPES or is_see_through
    turn = exif.orientation(exif_block(source))
    width, height = upright(width, height, turn)
    return Probe(
        SourceFormat.PNG,
        width,
        height,
        frames=frames,
        has_alpha=has_alpha,
        orientation=turn,
        bands=_BANDS[kind] + (has_alpha and kind not in _ALPHA_TYPES),
        bits=bits,
        has_profile=not png_colour.meaning(source, limits).is_srgb,
        is_lossless=True,
        scans=_ADAM7_PASSES if interlace else 1,
    )


def damage(source: bytes) -> str | None:
    """What is wrong with the file and costs no pixel, in words."""
    last = list(chunks(source))[-1]
    return None if last.name == b"IEND" else "the PNG's end is missing: its pixels are all there"


def _is_filled(played: apng.Animation, width: int, height: int) -> bool:
    """Whether no place of the picture is ever left open."""
    is_cleared = any(frame.place.disposal is not Disposal.KEEP for frame in played.frames)
    return not is_cleared and played.frames[0].place.box == (0, 0, width, height)


def _image_header(source: bytes) -> tuple[int, int, int, int, int]:
    length, name = struct.unpack_from(">I4s", source, len(SIGNATURE))
    width, height, bits, kind, deflate, filters, interlace, crc = struct.unpack_from(">IIBBBBBI", source, 16)
    if (length, name) != (13, b"IHDR") or crc != zlib.crc32(source[12:29]):
        raise damaged("the PNG header is broken")
    if bits not in _DEPTHS.get(kind, ()) or deflate or filters or interlace > 1:
        raise damaged("the PNG header asks for what PNG does not have")
    return width, height, bits, kind, interlace


def _check_chunks(source: bytes, kind: int) -> None:
    """Raise TaskFailure where what makes the pixels is missing, or twice there."""
    names = [chunk.name for chunk in chunks(source)]
    if names.count(b"IHDR") > 1:
        raise damaged("the PNG has several headers")
    if kind == _PALETTE_TYPE and not palette(source):
        raise damaged("the PNG has no palette")
    if b"IDAT" not in names:
        raise damaged("the PNG has no pixels")


def exif_block(source: bytes) -> bytes:
    """The EXIF block, from its own chunk or from a text; empty where there is none."""
    block = first_chunks(source, b"eXIf").get(b"eXIf")
    if block is not None:
        return block
    for chunk in chunks(source):
        if chunk.name in {b"zTXt", b"tEXt"} and source.startswith(_RAW_PROFILES, chunk.start):
            return _raw_profile(source[chunk.start : chunk.end], chunk.name) or b""
    return b""


def _raw_profile(data: bytes, name: bytes) -> bytes | None:
    """ImageMagick's way to keep EXIF in a PNG: a text of the kind, the length and then hexadecimal digits."""
    _, _, text = data.partition(b"\0")
    plain = inflate(text[1:], _MAX_EXIF_BYTES) if name == b"zTXt" else text[:_MAX_EXIF_BYTES]
    fields = (plain or b"").split(None, 2)
    try:
        return bytes.fromhex(fields[2].decode("ascii")).removeprefix(b"Exif\0\0")
    except (IndexError, ValueError):
        return None
