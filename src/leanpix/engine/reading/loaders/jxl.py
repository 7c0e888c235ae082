"""JPEG XL by libjxl, in one thread: of an animation the first frame."""

from __future__ import annotations

import numpy as np
import pyvips

from leanpix.engine.colour.code_points import BT2020, PQ, PRIMARIES
from leanpix.engine.colour.hdr import HighRange
from leanpix.engine.facts import Probe, damaged, unsupported
from leanpix.engine.libraries.libjxl import JxlError, libjxl
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, check_told, from_array


def open_raster(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Decode at once, not turned yet; a high range by 16 bits a sample, all else by 8."""
    del wish
    library = libjxl()
    if library is None:
        raise unsupported("JPEG XL is not read on this machine")
    try:
        found = library.decode(source)
    except JxlError as error:
        raise damaged(f"the JPEG XL is {error}") from error
    height, width, bands = found.pixels.shape
    check_told((width, height), probe.stored_size, "JPEG XL")
    if bands != probe.bands:
        raise damaged("the JPEG XL's header and its pixels disagree")
    if not found.is_high_range or found.pixels.dtype == np.uint8:
        pixels = found.pixels.astype(np.uint8, copy=False)
        return LazyPixels(from_array(pixels), found.profile, held=pixels)
    deep = pyvips.Image.new_from_memory(np.ascontiguousarray(found.pixels).data, width, height, bands, "ushort")
    deep = deep.copy(interpretation="grey16" if bands <= 2 else "rgb16")  # noqa: PLR2004 - gray, with or without alpha
    meant = HighRange(PRIMARIES.get(found.primaries or 0, BT2020), found.transfer == PQ, found.peak_nits)
    return LazyPixels(deep, high_range=meant)
