"""GIF, by libvips (libnsgif), on the canvas that the file asks for."""

from __future__ import annotations

import struct

import pyvips

from leanpix.engine.facts import Probe, damaged
from leanpix.engine.reading.headers import gif
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels

_ALL_FRAMES = -1
_KEEP_AND_TRANSPARENT = 0x05
_EMPTY_FRAME = b"\x02\x02\x44\x01\x00"


def open_raster(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Decode lazily: all frames where they are wanted, else the first.

    libnsgif's canvas ends where the frames end, and what no frame covers is black where no frame is transparent.
    Where the first frame does not fill the canvas, an empty one that does is put before it, and skipped.
    """
    animation = gif.walk(source, wish.limits)
    animated = wish.animated and probe.is_animated
    skipped = 0 if animation.is_covered else 1
    image = pyvips.Image.gifload_buffer(
        source if animation.is_covered else _with_empty_frame(source, animation),
        page=skipped,
        n=_ALL_FRAMES if animated else 1,
        access="sequential",
        fail_on="error",
    )
    frames = probe.frames if animated else 1
    if (image.width, image.height) != (probe.width_px, probe.height_px * frames):
        raise damaged("the GIF's frames and its canvas disagree")
    if not animated:
        return LazyPixels(image)
    return LazyPixels(image, None, frames, tuple(frame.delay_ms for frame in animation.frames), animation.loop)


def _with_empty_frame(source: bytes, animation: gif.Animation) -> bytes:
    control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, _KEEP_AND_TRANSPARENT, 0, 0, 0)
    place = struct.pack("<BHHHHB", 0x2C, 0, 0, animation.width_px, animation.height_px, 0)
    start = animation.start
    return source[:start] + control + place + _EMPTY_FRAME + source[start:]
