"""APNG: its frames in their order, as far as browsers play them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from leanpix.engine.facts import damaged
from leanpix.engine.reading.headers.png_chunks import Chunk, chunks, counted_chunks, header_fields, is_sound
from leanpix.engine.reading.layers import Blend, Disposal, FrameControl

_CONTROL = ">IIIIIHHBB"
_CONTROL_BYTES = struct.calcsize(_CONTROL)
_DEFAULT_DENOMINATOR = 100
_DISPOSALS = {0: Disposal.KEEP, 1: Disposal.CLEAR, 2: Disposal.RESTORE}
_BLENDS = {0: Blend.REPLACE, 1: Blend.OVER}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: where it lies, how long it shows, and its pixels' zlib stream in pieces."""

    place: FrameControl
    delay_ms: int
    pieces: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Animation:
    """The frames that are played; plays is how often, 0 for ever.

    told: how many the file says that there are; held: how many it begins.
    """

    frames: tuple[Frame, ...]
    plays: int
    told: int
    held: int


def animation(source: bytes) -> Animation | None:
    """The frames of an APNG up to the first that breaks a rule, at most as many as it says; None for a plain PNG.

    Browsers play these and stop there: numbers out of sequence, a place outside of the picture, a disposal that there
    is none. Raises TaskFailure where the default picture is to be a frame and does not fill the picture.
    """
    control = counted_chunks(source, {b"acTL"}).get(b"acTL")
    if control is None or control.end - control.start != 8:  # noqa: PLR2004 - two 32-bit numbers
        return None
    told, plays = struct.unpack_from(">II", source, control.start)
    frames = _frames(source, told)
    held = sum(chunk.name == b"fcTL" for chunk in chunks(source))
    return Animation(tuple(frames), plays, told, held) if frames else None


def _frames(source: bytes, told: int) -> list[Frame]:
    width, height, *_ = header_fields(source)
    frames: list[Frame] = []
    for control, pieces in _controlled(source):
        if len(frames) == told or not is_sound(source, control):
            break
        read = _control(source, control, width, height)
        if read is None:
            break
        place, delay_ms = read
        if pieces and pieces[0].name == b"IDAT" and place.box != (0, 0, width, height):
            raise damaged("the APNG's first frame does not fill it")
        if pieces:
            frames.append(Frame(place, delay_ms, tuple(pieces)))
    return frames


def _controlled(source: bytes) -> Iterator[tuple[Chunk, list[Chunk]]]:
    """Each fcTL with the pixels that follow it, as long as the numbers of fcTL and fdAT are in sequence."""
    control: Chunk | None = None
    pieces: list[Chunk] = []
    expected = 0
    for chunk in chunks(source):
        if chunk.name in {b"fcTL", b"fdAT"}:
            if source[chunk.start : chunk.start + 4] != struct.pack(">I", expected):
                break
            expected += 1
        if chunk.name == b"fcTL":
            if control is not None:
                yield control, pieces
            control, pieces = chunk, []
        elif chunk.name == b"fdAT":
            pieces.append(Chunk(chunk.name, chunk.start + 4, chunk.end, chunk.is_whole))
        elif chunk.name == b"IDAT":
            pieces.append(chunk)
    if control is not None:
        yield control, pieces


def _control(source: bytes, chunk: Chunk, width: int, height: int) -> tuple[FrameControl, int] | None:
    if chunk.end - chunk.start < _CONTROL_BYTES:
        return None
    _, wide, high, left, top, ticks, per_second, disposal, blend = struct.unpack_from(_CONTROL, source, chunk.start)
    is_inside = wide and high and left + wide <= width and top + high <= height
    if not is_inside or disposal not in _DISPOSALS or blend not in _BLENDS:
        return None
    place = FrameControl(left, top, wide, high, _DISPOSALS[disposal], _BLENDS[blend])
    return place, round(1000 * ticks / (per_second or _DEFAULT_DENOMINATOR))
