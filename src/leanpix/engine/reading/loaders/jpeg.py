"""JPEG, by libvips (libjpeg-turbo), fed with the picture's own segments only; small ones by the kernels' reader."""

from __future__ import annotations

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.engine.facts import Probe
from leanpix.engine.reading.headers import jpeg
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, check_told, from_array
from leanpix.engine.reading.loaders.small_jpeg import decoded_small, is_small

_SHRINKS = (8, 4, 2)


def open_raster(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Decode lazily, shrunk by 2, 4 or 8 where at least another factor of 2 is left for the good kernel."""
    shrink = next((factor for factor in _SHRINKS if factor * 2 <= wish.shrink), 1)
    held = read_here(source, probe) if shrink == 1 else None
    if held is not None:
        return LazyPixels(from_array(held), jpeg.profile(source), held=held)
    fed = jpeg.picture_only(source, is_strict=wish.is_mended)
    image = pyvips.Image.jpegload_buffer(
        fed, shrink=shrink, access="sequential", fail_on="warning" if wish.is_mended else "truncated"
    )
    if shrink == 1:
        check_told((image.width, image.height), probe.stored_size, "JPEG")
    return LazyPixels(image, jpeg.profile(source))


def read_here(source: bytes, probe: Probe) -> NDArray[np.uint8] | None:
    """The (rows, width, bands) of a small and plain JPEG, as stored; None of any other."""
    if not is_small(*probe.stored_size):
        return None
    # libjpeg merely warns where bits run out before the end marker.
    return decoded_small(jpeg.picture_only(source, is_strict=True), *probe.stored_size, probe.bands)
