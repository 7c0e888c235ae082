"""SGI, by Pillow's own reader."""

from __future__ import annotations

import io

from PIL import SgiImagePlugin

from leanpix.engine.headers.base import Probe
from leanpix.engine.loaders.base import Raster, Wish, from_array
from leanpix.engine.loaders.pillow import pillow_errors, pixels_of


def open_raster(source: bytes, _probe: Probe, _wish: Wish) -> Raster:
    """Decode at once; samples of 16 bits become 8."""
    with pillow_errors("SGI"), SgiImagePlugin.SgiImageFile(io.BytesIO(source)) as opened:
        pixels = pixels_of(opened, opened.mode)
    return Raster(from_array(pixels), held=pixels)
