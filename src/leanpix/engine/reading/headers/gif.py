"""GIF: the canvas, every frame's place, delay and transparency, and how often the animation plays."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
_TABLE_FLAG, _TRANSPARENT_FLAG = 0x80, 0x01
_SCREEN_END = 13
_LOOP_SIGNATURES = (b"\x0bNETSCAPE2.0\x03\x01", b"\x0bANIMEXTS1.0\x03\x01")
_MAX_BLOCKS = 4_000_000
_MS_PER_TICK = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame lies on the canvas and how long it shows."""

    left: int
    top: int
    width_px: int
    height_px: int
    delay_ms: int
    is_transparent: bool


@dataclass(slots=True)
class Animation:
    """The frames in their order; loop is how often they play, 0 for ever. start is where the blocks begin."""

    width_px: int
    height_px: int
    start: int
    loop: int = 1
    frames: list[Frame] = field(default_factory=list)

    @property
    def is_covered(self) -> bool:
        """Whether the first frame fills the whole canvas."""
        first = self.frames[0]
        return (first.left, first.top, first.width_px, first.height_px) == (0, 0, self.width_px, self.height_px)

    def clip_to_screen(self) -> None:
        """Enlarge the canvas to the first frame, as browsers do; later frames are cut at its edges."""
        first = self.frames[0]
        self.width_px = max(self.width_px, first.left + first.width_px)
        self.height_px = max(self.height_px, first.top + first.height_px)


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a GIF."""
    return source[:6] in {b"GIF87a", b"GIF89a"}


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a GIF; raises TaskFailure."""
    animation = walk(source, limits)
    width, height = animation.width_px, animation.height_px
    check_size(width, height, len(animation.frames), limits)
    has_alpha = not animation.is_covered or any(frame.is_transparent for frame in animation.frames)
    return Probe(
        SourceFormat.GIF,
        width,
        height,
        frames=len(animation.frames),
        has_alpha=has_alpha,
        bands=4 if has_alpha else 3,
        is_lossless=True,
    )


def walk(source: bytes, limits: Limits) -> Animation:
    """Every frame of a GIF, or one more than the limit; raises TaskFailure where it is cut short.

    A missing trailer, or junk in its place, ends the GIF as well as a trailer does.
    """
    with reading("GIF"):
        width, height, flags = struct.unpack_from("<HHB", source, 6)
        animation = Animation(width, height, _SCREEN_END + _table_bytes(flags))
        check_size(max(width, 1), max(height, 1), 1, limits)
        _walk_blocks(source, animation, limits)
    if not animation.frames:
        raise damaged("the GIF has no frame")
    animation.clip_to_screen()
    return animation


def _walk_blocks(source: bytes, animation: Animation, limits: Limits) -> None:
    at, delay_ms, is_transparent = animation.start, 0, False
    while at < len(source) and len(animation.frames) <= limits.max_frames:
        if source[at] == _IMAGE:
            left, top, width, height, flags = struct.unpack_from("<HHHHB", source, at + 1)
            if not animation.frames:
                check_size(left + width, top + height, 1, limits)
            at = _after_sub_blocks(source, at + 11 + _table_bytes(flags))
            animation.frames.append(Frame(left, top, width, height, delay_ms, is_transparent))
            delay_ms, is_transparent = 0, False
        elif source[at] == _EXTENSION:
            label = source[at + 1]
            if label == _GRAPHIC_CONTROL:
                control, ticks = struct.unpack_from("<BH", source, at + 3)
                delay_ms, is_transparent = ticks * _MS_PER_TICK, bool(control & _TRANSPARENT_FLAG)
            elif label == _APPLICATION and source.startswith(_LOOP_SIGNATURES, at + 2):
                (repeats,) = struct.unpack_from("<H", source, at + 16)
                animation.loop = repeats + 1 if repeats else 0
            at = _after_sub_blocks(source, at + 2)
        else:
            return


def _after_sub_blocks(source: bytes, at: int) -> int:
    for _ in range(_MAX_BLOCKS):
        size = source[at]
        at += size + 1
        if not size:
            return at
    raise damaged("the GIF has too many blocks")


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & _TABLE_FLAG else 0
