"""PNG, by libvips (libspng), fed with the picture's own chunks only."""

from __future__ import annotations

import pyvips

from leanpix.engine.headers import png
from leanpix.engine.headers.base import Probe
from leanpix.engine.loaders.base import Raster, Wish


def open_raster(source: bytes, _probe: Probe, wish: Wish) -> Raster:
    """Decode lazily; of an APNG, its default picture."""
    image = pyvips.Image.pngload_buffer(png.picture_only(source), access="sequential", fail_on="error")
    return Raster(image, png.profile(source, wish.limits))
