"""Camera raw, by LibRaw: the sensor's data developed with the camera's own white balance to sRGB."""

from __future__ import annotations

import io

import rawpy

from leanpix.engine.facts import Probe, damaged
from leanpix.engine.reading.headers import raw
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, from_array
from leanpix.engine.reading.loaders.libraw import complaints

_HALF = 2


def open_raster(source: bytes, _probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Develop at once; at half the size, without interpolation, where that is large enough.

    Data that is missing is refused: LibRaw develops what there is, the rest black or magenta.
    """
    raw.check_pieces(source)
    if complaints(source):
        raise damaged("the camera raw data is damaged or cut short")
    try:
        with rawpy.imread(io.BytesIO(source)) as opened:
            pixels = opened.postprocess(use_camera_wb=True, output_bps=8, half_size=wish.shrink >= _HALF)
    except rawpy.LibRawError as error:
        raise damaged("the camera raw data is damaged or cut short") from error
    return LazyPixels(from_array(pixels), held=pixels)
