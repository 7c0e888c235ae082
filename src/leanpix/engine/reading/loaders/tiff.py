"""TIFF, by libvips (libtiff); Lab of 8 bits, which it does not take, by Pillow."""

from __future__ import annotations

import io

import numpy as np
import pyvips
from PIL import TiffImagePlugin

from leanpix.engine.facts import Probe
from leanpix.engine.reading.headers import tiff
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, from_array
from leanpix.engine.reading.loaders.pillow import pillow_errors

_BYTE_BITS = 8


def open_raster(source: bytes, probe: Probe, _wish: DecodeRequest) -> LazyPixels:
    """Decode the first page lazily, without extra samples that are no alpha."""
    page = tiff.first_directory(source)
    found = tiff.samples(page)
    image = _lab(source) if found.is_lab and probe.bits == _BYTE_BITS else _plain(source)
    image = _without_extra(image, found)
    pages = tiff.page_count(source)
    warnings = (f"pages dropped: the first of {pages} is used",) if pages > 1 else ()
    return LazyPixels(image, _profile(image), warnings=warnings)


def _plain(source: bytes) -> pyvips.Image:
    return pyvips.Image.tiffload_buffer(source, page=0, n=1, access="sequential", fail_on="error")


def _lab(source: bytes) -> pyvips.Image:
    with pillow_errors("TIFF"), TiffImagePlugin.TiffImageFile(io.BytesIO(source)) as opened:
        samples = np.asarray(opened)
    lightness = samples[..., :1].astype(np.float32) * (100 / 255)
    axes = samples[..., 1:3].view(np.int8).astype(np.float32)
    return from_array(np.concatenate([lightness, axes], axis=-1)).copy(interpretation="lab")


def _without_extra(image: pyvips.Image, found: tiff.Samples) -> pyvips.Image:
    kept = min(found.colours + found.has_alpha, image.bands)
    return image.extract_band(0, n=kept) if image.bands > kept else image


def _profile(image: pyvips.Image) -> bytes | None:
    if image.get_typeof("icc-profile-data") == 0:
        return None
    return bytes(image.get("icc-profile-data"))
