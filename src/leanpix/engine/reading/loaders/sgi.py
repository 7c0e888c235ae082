"""SGI, by Pillow's own reader."""

from __future__ import annotations

import io

from PIL import SgiImagePlugin

from leanpix.engine.facts import Probe
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, check_told, from_array
from leanpix.engine.reading.loaders.pillow import pillow_errors, pixels_of


def open_raster(source: bytes, probe: Probe, _wish: DecodeRequest) -> LazyPixels:
    """Decode at once; samples of 16 bits become 8."""
    with pillow_errors("SGI"), SgiImagePlugin.SgiImageFile(io.BytesIO(source)) as opened:
        check_told(opened.size, probe.stored_size, "SGI picture")
        pixels = pixels_of(opened, opened.mode)
    return LazyPixels(from_array(pixels), held=pixels)
