"""HEIC by libheif and libde265, of the extra `leanpix[heic]`: the primary picture."""

from __future__ import annotations

import functools
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.facts import Probe, damaged, unsupported
from leanpix.engine.reading.headers import heif
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, check_told, from_array
from leanpix.engine.reading.loaders.pillow import pillow_errors

MISSING = "HEIC is read with the extra leanpix[heic], which is not installed"


@functools.cache
def heic_library() -> ModuleType | None:
    """The extra's module, loaded once a process: a locked child could not load it any more."""
    try:
        import pi_heif  # noqa: PLC0415 - an extra, which most installations do without
    except ImportError:
        return None
    pi_heif.options.DECODE_THREADS = 1
    module: ModuleType = pi_heif
    return module


def heic_backend() -> str:
    """Whether HEIC is read here, and by what, in words for people: starts with `libheif` or `none`."""
    library = heic_library()
    return f"none: {MISSING}" if library is None else f"libheif {library.libheif_version()}"


def open_raster(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Decode at once, upright."""
    del wish
    library = heic_library()
    if library is None:
        raise unsupported(MISSING)
    meant = heif.described(source)
    with pillow_errors("HEIC"):
        opened = library.open_heif(source, convert_hdr_to_8bit=True, bgr_mode=False)
        pixels: NDArray[np.uint8] = np.array(opened)  # a copy: its own samples go with it
    pixels = pixels[..., np.newaxis] if pixels.ndim == len(("rows", "columns")) else pixels
    height, width, bands = pixels.shape
    check_told((width, height), (probe.width_px, probe.height_px), "HEIC")
    if bands not in {probe.bands, 3 + probe.has_alpha}:
        raise damaged("the HEIC's boxes and its pixels disagree")
    return LazyPixels(from_array(pixels), meant.icc_profile(), held=pixels, high_range=meant.high_range)
