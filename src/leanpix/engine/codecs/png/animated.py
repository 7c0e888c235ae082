"""APNG: frames as the rectangles that change, each packed by oxipng; and a source's own file with its streams anew.

PNG 3 (W3C), 11.3.5. All frames have one colour type and one palette: those stand in the header once.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import oxipng
from numpy.typing import NDArray

from leanpix.engine.codecs.base import Raster
from leanpix.engine.reading.headers.png_chunks import chunks, inflate, is_sound, written
from leanpix.engine.reading.headers.png_colour import COLOUR_CHUNKS

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB, _INDEXED, _GRAY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_TYPES = {1: _GRAY, 2: _GRAY_ALPHA, 3: _RGB, 4: _RGBA}
_MOST_COLOURS = 256
_LONGEST_MS = 65_535
_AS_IT_IS: dict[str, Any] = {
    "color_type_reduction": False,
    "palette_reduction": False,
    "bit_depth_reduction": False,
    "grayscale_reduction": False,
}
_PICTURE_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"IEND"})
_MOST_FRAME_BYTES = 256_000_000


@dataclass(frozen=True, slots=True)
class _Samples:
    """What is stored of all frames: (rows, width, channels), and the palette that they are indices into, or none."""

    values: NDArray[np.uint8]
    kind: int
    colours: tuple[tuple[int, ...], ...] = ()

    @property
    def oxipng_type(self) -> oxipng.ColorType:
        """As oxipng says it."""
        kinds = oxipng.ColorType
        if self.kind == _INDEXED:
            return kinds.indexed([list(colour) for colour in self.colours])
        makers = {_GRAY: kinds.grayscale, _GRAY_ALPHA: kinds.grayscale_alpha, _RGB: kinds.rgb, _RGBA: kinds.rgba}
        return makers[self.kind]()


def animated_png(raster: Raster, level: int) -> bytes:
    """All frames without loss: the first whole, of each other the rectangle that differs from the one before it."""
    samples = _samples(raster)
    wide, high = raster.width_px, raster.height_px
    parts = [_SIGNATURE, written(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, samples.kind, 0, 0, 0))]
    if raster.icc_profile is not None:
        parts.append(written(b"iCCP", b"icc\0\0" + zlib.compress(raster.icc_profile, 9)))
    parts.append(written(b"acTL", struct.pack(">II", raster.frames, raster.loop)))
    if samples.colours:
        parts.append(written(b"PLTE", b"".join(bytes(colour[:3]) for colour in samples.colours)))
        alphas = bytes(colour[3] for colour in samples.colours).rstrip(b"\xff")
        parts += [written(b"tRNS", alphas)] if alphas else []

    number, before = 0, None
    for place, frame in enumerate(np.split(samples.values, raster.frames)):
        left, top, right, bottom = (0, 0, wide, high) if before is None else _changed(before, frame)
        delay_ms = min(raster.delays_ms[place], _LONGEST_MS) if raster.delays_ms else 0
        control = (number, right - left, bottom - top, left, top, delay_ms, 1000, 0, 0)  # nothing disposed, replaced
        parts.append(written(b"fcTL", struct.pack(">IIIIIHHBB", *control)))
        stream = _stream(np.ascontiguousarray(frame[top:bottom, left:right]), samples, level)
        number += 1
        if before is None:
            parts.append(written(b"IDAT", stream))
        else:
            parts.append(written(b"fdAT", struct.pack(">I", number) + stream))
            number += 1
        before = frame
    return b"".join([*parts, written(b"IEND", b"")])


def _samples(raster: Raster) -> _Samples:
    """Indices where all frames together have few colours: one byte a pixel instead of three or four."""
    pixels, bands = raster.pixels, raster.pixels.shape[2]
    as_they_are = _Samples(pixels, _TYPES[bands])
    if raster.is_gray:
        return as_they_are
    found = np.empty(0, np.uint32)
    for frame in np.split(pixels, raster.frames):
        found = np.union1d(found, _numbers(frame))
        if len(found) > _MOST_COLOURS:
            return as_they_are
    indices = np.empty((*pixels.shape[:2], 1), np.uint8)
    for frame, into in zip(np.split(pixels, raster.frames), np.split(indices, raster.frames), strict=True):
        into[..., 0] = np.searchsorted(found, _numbers(frame))
    colours = (tuple(int(value) >> shift & 255 for shift in (0, 8, 16, 24)) for value in found)
    return _Samples(indices, _INDEXED, tuple(colours))


def _numbers(frame: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Each pixel as one number, alpha highest: in their order the most transparent colours come first."""
    wide = np.full((*frame.shape[:2], 4), 255, np.uint8)
    wide[..., : frame.shape[2]] = frame
    return wide.view("<u4")[..., 0].astype(np.uint32)


def _changed(before: NDArray[np.uint8], frame: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """The rectangle of all that differs; one pixel where nothing does, for a frame cannot be empty."""
    differs = (before != frame).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _stream(part: NDArray[np.uint8], samples: _Samples, level: int) -> bytes:
    rows, width, _ = part.shape
    raw = oxipng.RawImage(part.tobytes(), width, rows, color_type=samples.oxipng_type)
    data: bytes = raw.create_optimized_png(level=level, **_AS_IT_IS)
    return b"".join(data[one.start : one.end] for one in chunks(data) if one.name == b"IDAT")


def repacked_animation(source: bytes, level: int, colours: Sequence[bytes] = COLOUR_CHUNKS) -> bytes | None:
    """The same APNG, not a sample changed: each stream deflated anew where that is smaller, no metadata.

    level: zlib's, 0: the streams as they are. colours: which of the chunks that say what the colours are stay. None
    where a chunk is damaged. A hidden default picture stays.
    """
    parts, number = [_SIGNATURE], 0
    for name, content in _joined(source, _PICTURE_CHUNKS.union(colours)):
        if name is None:
            return None
        if name == b"IDAT":
            parts.append(written(b"IDAT", _deflated_anew(content, level)))
        elif name == b"fdAT":
            parts.append(written(b"fdAT", struct.pack(">I", number) + _deflated_anew(content, level)))
            number += 1
        elif name == b"fcTL":
            parts.append(written(b"fcTL", struct.pack(">I", number) + content[4:]))
            number += 1
        else:
            parts.append(written(name, content))
    return b"".join(parts)


def _joined(source: bytes, kept: Container[bytes]) -> Iterator[tuple[bytes | None, bytes]]:
    """Each chunk that is kept, the pieces of one stream as one."""
    name, held = b"", b""
    for one in chunks(source):
        if (one.name in kept or one.name in {b"IDAT", b"fdAT"}) and not is_sound(source, one):
            yield None, b""
            return
        is_stream = one.name in {b"IDAT", b"fdAT"}
        if name and one.name != name:
            yield name, held
            name, held = b"", b""
        if is_stream:
            name = one.name
            held += source[one.start + (4 if name == b"fdAT" else 0) : one.end]
        elif one.name in kept:
            yield one.name, source[one.start : one.end]


def _deflated_anew(stream: bytes, level: int) -> bytes:
    samples = inflate(stream, _MOST_FRAME_BYTES) if level else None
    if samples is None:
        return stream
    return min(stream, zlib.compress(samples, level), key=len)
