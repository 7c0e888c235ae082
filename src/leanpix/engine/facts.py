"""What every header reader shares: the Probe it makes and the ways it may refuse."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import SourceFormat
from leanpix.domain.states import TaskState

TURNED_ORIENTATIONS = frozenset({5, 6, 7, 8})
"""The EXIF orientations whose upright picture has width and height exchanged."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest picture that is decoded.

    max_side_px: each side of the upright picture. max_total_pixels: frames x width x height. max_frames: frames
    of an animation. max_scans: scans of a progressive JPEG, each a pass over all of its pixels.
    max_profile_bytes: an ICC profile, inflated; a larger one is ignored.
    """

    max_side_px: int = 8000
    max_total_pixels: int = 256_000_000
    max_frames: int = 1000
    max_scans: int = 100
    max_profile_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Probe:
    """What the header of a source says.

    width_px, height_px: the upright picture (orientation applied), the full canvas of an animation. orientation:
    the EXIF value, 1-8; it is still to be applied to the stored pixels. bands: of the decoded picture, alpha
    included (a palette counts as its colours, CMYK as 4). bits: of one sample as stored. has_profile: whether the
    colours are described, by an ICC profile or by what a PNG has beside it (gAMA, cHRM, cICP). quality: a JPEG's
    quality on libjpeg's scale, estimated from its quantisation table; None for anything else. is_lossless:
    whether the source's codec is. scans: passes over the pixels (progressive JPEG, interlaced PNG), else 1.
    """

    format: SourceFormat
    width_px: int
    height_px: int
    frames: int = 1
    has_alpha: bool = False
    orientation: int = 1
    bands: int = 3
    bits: int = 8
    has_profile: bool = False
    quality: int | None = None
    is_lossless: bool = False
    scans: int = 1

    @property
    def is_animated(self) -> bool:
        """Whether there is more than one frame."""
        return self.frames > 1

    @property
    def pixels(self) -> int:
        """Width x height of one frame."""
        return self.width_px * self.height_px

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height before the orientation is applied."""
        return upright(self.width_px, self.height_px, self.orientation)


@dataclass(frozen=True, slots=True)
class Mended:
    """A source whose damage costs no pixel, in sound bytes; damage says in words what was wrong."""

    source: bytes
    damage: str


def upright(width_px: int, height_px: int, orientation: int) -> tuple[int, int]:
    """Exchange the sides where the orientation turns the picture by a quarter."""
    return (height_px, width_px) if orientation in TURNED_ORIENTATIONS else (width_px, height_px)


def damaged(text: str) -> TaskFailure:
    """A source that is no picture, or a broken or cut-short one."""
    return TaskFailure(TaskState.INVALID_IMAGE, f"Invalid image file: {text}.")


def unsupported(text: str) -> TaskFailure:
    """A sound picture of a kind that nothing here decodes; to the API that is no accepted image either."""
    return TaskFailure(TaskState.INVALID_IMAGE, f"Unsupported image file: {text}.")


def excessive(text: str) -> TaskFailure:
    """A source that is a picture, but more of one than is taken."""
    return TaskFailure(TaskState.NOT_MEETING_REQUIREMENTS, f"The image does not meet the requirements: {text}.")


def check_size(width_px: int, height_px: int, frames: int, limits: Limits) -> None:
    """Raise TaskFailure for an empty picture, a side, a pixel or a frame too many."""
    if width_px < 1 or height_px < 1:
        raise damaged("it has no pixels")
    if max(width_px, height_px) > limits.max_side_px:
        raise excessive(f"it is {width_px} x {height_px}, each side may be at most {limits.max_side_px} px")
    if frames > limits.max_frames:
        raise excessive(f"it has more than {limits.max_frames} frames")
    if frames * width_px * height_px > limits.max_total_pixels:
        raise excessive(f"its {frames} frames hold more than {limits.max_total_pixels} pixels together")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn a read past the end of the bytes, however far, into a damaged source."""
    try:
        yield
    except (struct.error, IndexError, OverflowError) as error:
        raise damaged(f"the {what} header is cut short") from error
