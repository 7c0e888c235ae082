"""PNG by libvips (libspng), APNG by Pillow, each fed with the picture's own chunks only."""

from __future__ import annotations

import io

import numpy as np
import pyvips
from PIL import PngImagePlugin

from leanpix.engine.facts import Probe
from leanpix.engine.reading.headers import png_colour
from leanpix.engine.reading.headers.png_chunks import picture_only
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, from_array
from leanpix.engine.reading.loaders.pillow import pillow_errors

_GRAY_BANDS = 2


def open_raster(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Decode lazily; all frames of an APNG where they are wanted, else its default picture."""
    if wish.animated and probe.is_animated:
        return _animation(source, probe, wish)
    image = pyvips.Image.pngload_buffer(picture_only(source), access="sequential", fail_on="error")
    is_gray = probe.bands <= _GRAY_BANDS
    return LazyPixels(image, png_colour.profile(source, wish.limits, is_gray=is_gray) if probe.has_profile else None)


def _animation(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Every frame as it is shown, its predecessors and their disposal taken into account by Pillow."""
    width, height = probe.stored_size
    pixels = np.empty((probe.frames * height, width, 4), np.uint8)
    delays = []
    with (
        pillow_errors("APNG"),
        PngImagePlugin.PngImageFile(io.BytesIO(picture_only(source, animated=True))) as opened,
    ):
        first = 1 if opened.default_image else 0
        for number in range(probe.frames):
            opened.seek(first + number)
            pixels[number * height : (number + 1) * height] = np.asarray(opened.convert("RGBA"))
            delays.append(round(opened.info.get("duration", 0)))
        loop = int(opened.info.get("loop", 0))
    made = png_colour.profile(source, wish.limits, is_gray=False) if probe.has_profile else None
    return LazyPixels(from_array(pixels), made, probe.frames, tuple(delays), loop, held=pixels)
