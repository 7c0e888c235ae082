"""AVIF by Pillow (libavif with dav1d), in one thread: the primary picture, of a sequence the first one."""

from __future__ import annotations

import io

import numpy as np
from PIL import AvifImagePlugin

from leanpix.engine.facts import Probe, damaged
from leanpix.engine.reading.headers import heif
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, check_told, from_array
from leanpix.engine.reading.loaders.pillow import pillow_errors, pixels_of


def open_raster(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Decode at once, not turned yet. Of more than 8 bits a sample 8 are had."""
    del wish
    meant = heif.described(source)
    # Its own number would be one a core: memory for their stacks is what a child has too little of.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    with pillow_errors("AVIF"), AvifImagePlugin.AvifImageFile(io.BytesIO(source)) as opened:
        check_told(opened.size, meant.coded_px, "AVIF")
        if (opened.mode == "RGBA") is not probe.has_alpha:
            raise damaged("the AVIF's boxes and its pixels disagree")
        pixels = pixels_of(opened, opened.mode)
    left, top, width, height = meant.shown
    if (width, height) != meant.coded_px:
        pixels = np.ascontiguousarray(pixels[top : top + height, left : left + width])
    if meant.is_gray:
        pixels = np.ascontiguousarray(pixels[..., [0, 3] if probe.has_alpha else [0]])
    return LazyPixels(from_array(pixels), meant.icc_profile(), held=pixels, high_range=meant.high_range)
