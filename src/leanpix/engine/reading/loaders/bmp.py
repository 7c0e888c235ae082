"""BMP, by Pillow's own reader."""

from __future__ import annotations

import io

from PIL import BmpImagePlugin

from leanpix.engine.facts import Probe
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, from_array
from leanpix.engine.reading.loaders.pillow import pillow_errors, pixels_of


def open_raster(source: bytes, _probe: Probe, _wish: DecodeRequest) -> LazyPixels:
    """Decode at once; palettes and 1-bit pictures become gray or RGB."""
    with pillow_errors("BMP"), BmpImagePlugin.BmpImageFile(io.BytesIO(source)) as opened:
        wanted = opened.mode if opened.mode in {"L", "RGB", "RGBA"} else ("L" if opened.mode == "1" else "RGB")
        pixels = pixels_of(opened, wanted)
    return LazyPixels(from_array(pixels), held=pixels)
