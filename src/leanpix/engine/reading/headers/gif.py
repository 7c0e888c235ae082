"""GIF: the canvas, every frame's place, delay and transparency, and how often the animation plays."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe, check_size, damaged, excessive, reading
from leanpix.engine.reading.layers import Disposal, FrameControl

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
_TABLE_FLAG, _INTERLACE_FLAG, _TRANSPARENT_FLAG = 0x80, 0x40, 0x01
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}
"""4 is what an old text of the specification made some writers take for 3; browsers follow them."""

_MOST_FRAME_TO_CANVAS, _ANY_FRAME_PIXELS = 4, 1_000_000
_SCREEN_END = 13
_LOOP_SIGNATURES = (b"\x0bNETSCAPE2.0\x03\x01", b"\x0bANIMEXTS1.0\x03\x01")
_MAX_BLOCKS = 4_000_000
_MS_PER_TICK = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame lies on the canvas, how long it shows, and where its palette and its pixels are in the file.

    transparent: the index that shows what is below, None where there is none. palette: its bytes' begin and end; data:
    of the LZW data, from the byte that tells its code size to the empty block at its end.
    """

    place: FrameControl
    delay_ms: int
    transparent: int | None
    palette: tuple[int, int]
    data: tuple[int, int]
    is_interlaced: bool


@dataclass(slots=True)
class Animation:
    """The frames in their order; loop is how often they play, 0 for ever. palette: the one for all of them.

    is_ended: whether the trailer is there.
    """

    width_px: int
    height_px: int
    palette: tuple[int, int]
    loop: int = 1
    frames: list[Frame] = field(default_factory=list)
    is_ended: bool = False

    @property
    def is_open(self) -> bool:
        """Whether any place of the canvas is not covered at any time."""
        is_covered = self.frames[0].place.box == (0, 0, self.width_px, self.height_px)
        is_cleared = any(frame.place.disposal is Disposal.CLEAR for frame in self.frames[:-1])
        is_restored = self.frames[0].place.disposal is Disposal.RESTORE and len(self.frames) > 1
        return not is_covered or is_cleared or is_restored

    def clip_to_screen(self) -> None:
        """Enlarge the canvas to the first frame, as browsers do; later frames are cut at its edges."""
        first = self.frames[0].place
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
    _check_frames(animation, limits)
    has_alpha = animation.is_open or any(frame.transparent is not None for frame in animation.frames)
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
        animation = Animation(width, height, (_SCREEN_END, _SCREEN_END + _table_bytes(flags)))
        check_size(max(width, 1), max(height, 1), 1, limits)
        _walk_blocks(source, animation, limits)
    if not animation.frames:
        raise damaged("the GIF has no frame")
    animation.clip_to_screen()
    return animation


def _check_frames(animation: Animation, limits: Limits) -> None:
    """Refuse a frame that is much larger than what of it is shown: it has to be decoded whole."""
    most = max(_MOST_FRAME_TO_CANVAS * animation.width_px * animation.height_px, _ANY_FRAME_PIXELS)
    for frame in animation.frames:
        if frame.place.width_px * frame.place.height_px > min(most, limits.max_total_pixels):
            raise excessive("a frame of the GIF is many times as large as its canvas")


def _walk_blocks(source: bytes, animation: Animation, limits: Limits) -> None:
    at, delay_ms, transparent, disposal = animation.palette[1], 0, None, Disposal.KEEP
    while at < len(source) and len(animation.frames) <= limits.max_frames:
        if source[at] == _IMAGE:
            left, top, width, height, flags = struct.unpack_from("<HHHHB", source, at + 1)
            if not animation.frames:
                check_size(left + width, top + height, 1, limits)
            palette = (at + 10, at + 10 + _table_bytes(flags))
            at = _after_sub_blocks(source, palette[1] + 1)
            animation.frames.append(
                Frame(
                    FrameControl(left, top, width, height, disposal),
                    delay_ms,
                    transparent,
                    palette if flags & _TABLE_FLAG else animation.palette,
                    (palette[1], at),
                    is_interlaced=bool(flags & _INTERLACE_FLAG),
                )
            )
            delay_ms, transparent, disposal = 0, None, Disposal.KEEP
        elif source[at] == _EXTENSION:
            label = source[at + 1]
            if label == _GRAPHIC_CONTROL:
                control, ticks, index = struct.unpack_from("<BHB", source, at + 3)
                delay_ms, transparent = ticks * _MS_PER_TICK, index if control & _TRANSPARENT_FLAG else None
                disposal = _DISPOSALS.get(control >> 2 & 7, Disposal.KEEP)
            elif label == _APPLICATION and source.startswith(_LOOP_SIGNATURES, at + 2):
                (repeats,) = struct.unpack_from("<H", source, at + 16)
                animation.loop = repeats + 1 if repeats else 0
            at = _after_sub_blocks(source, at + 2)
        else:
            animation.is_ended = source[at] == _TRAILER
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
