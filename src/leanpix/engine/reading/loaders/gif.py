"""GIF: every frame's indices by Pillow's LZW decoder, laid on the canvas as browsers lay them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.facts import Probe
from leanpix.engine.reading.headers import gif
from leanpix.engine.reading.layers import FrameControl, composed
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, from_array
from leanpix.engine.reading.loaders.pillow import pillow_errors

_COLOURS = 256
_NOT_ENDED = "the GIF's end is missing: its frames are all there"


def open_raster(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Decode at once: all frames where they are wanted, else the first."""
    animation = gif.walk(source, wish.limits)
    count = probe.frames if wish.animated else 1
    size = (animation.width_px, animation.height_px)
    pixels = composed(size, count, 4 if probe.has_alpha else 3, _layers(source, animation))
    warnings = () if animation.is_ended else (_NOT_ENDED,)
    if count == 1:
        return LazyPixels(from_array(pixels), held=pixels, warnings=warnings)
    delays = tuple(frame.delay_ms for frame in animation.frames)
    return LazyPixels(from_array(pixels), None, count, delays, animation.loop, warnings=warnings, held=pixels)


def _layers(source: bytes, animation: gif.Animation) -> Iterator[tuple[FrameControl, NDArray[np.uint8]]]:
    for frame in animation.frames:
        place = frame.place
        indices = _indices(source, frame)
        # What lies beyond the canvas is decoded, and no more.
        seen = indices[: max(animation.height_px - place.top, 0), : max(animation.width_px - place.left, 0)]
        yield place, _palette(source, frame)[seen]


def _indices(source: bytes, frame: gif.Frame) -> NDArray[np.uint8]:
    place, (start, end) = frame.place, frame.data
    if not place.width_px or not place.height_px:
        return np.zeros((place.height_px, place.width_px), np.uint8)
    size = (place.width_px, place.height_px)
    with pillow_errors("GIF"):
        decoded = Image.frombytes(
            "L", size, source[start + 1 : end], "gif", (source[start], int(frame.is_interlaced), -1)
        )
    return np.asarray(decoded)


def _palette(source: bytes, frame: gif.Frame) -> NDArray[np.uint8]:
    """(256, 4); what lies beyond the file's palette is black."""
    start, end = frame.palette
    colours = np.zeros((_COLOURS, 4), np.uint8)
    colours[:, 3] = 255
    told = np.frombuffer(source[start:end], np.uint8).reshape(-1, 3)
    colours[: len(told), :3] = told
    if frame.transparent is not None:
        colours[frame.transparent] = 0
    return colours
