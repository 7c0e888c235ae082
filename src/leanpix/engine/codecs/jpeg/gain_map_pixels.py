"""A gain map made to fit a result: turned, cropped, padded and scaled as the picture was, and compressed again."""

from __future__ import annotations

import re
import struct
from contextlib import suppress

import mozjpeg_lossless_optimization as mozjpeg_lossless
import numpy as np
import pyvips

from leanpix.domain.errors import TaskFailure
from leanpix.engine.codecs.jpeg.gain_map import GainMapFile
from leanpix.engine.codecs.jpeg.icc_segments import after_jfif
from leanpix.engine.codecs.jpeg.jpegli import distance_from_quality, encode_jpegli
from leanpix.engine.facts import Limits
from leanpix.engine.reading.gain_map import GainMap, gain_map
from leanpix.engine.reading.loaders import jpeg
from leanpix.engine.reading.loaders.base import DecodeRequest
from leanpix.engine.reading.picture import Picture
from leanpix.engine.shape import transform
from leanpix.engine.shape.geometry import WHOLE

_QUALITY = 85
"""Of a map coded anew, or the source's own where that is lower (docs/decisions/0186)."""

_SMALL_PX = 8
_ATTRIBUTES = (b"GainMapMin", b"GainMapMax", b"Gamma")


def carried_gain_map(source: bytes, picture: Picture) -> GainMapFile | None:
    """The map of a JPEG for this picture of it; None where it has none that can be read."""
    found = gain_map(source, Limits())
    if found is None:
        return None
    with suppress(TaskFailure, pyvips.Error, ValueError):
        data = _fitted(found, picture)
        at = after_jfif(data)
        beside = b"".join(
            struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
            for marker, body in ((0xE1, found.xmp), (0xE2, found.iso))
            if body
        )
        return GainMapFile(data[:at] + beside + data[at:], found.is_ultra_hdr, found.iso_version)
    return None


def _fitted(found: GainMap, picture: Picture) -> bytes:
    """The map's picture alone: its very samples where the picture's sides and place stay as they were."""
    probe = picture.probe
    shown = probe.width_px * picture.window.width, probe.height_px * picture.window.height
    scales = (min(1.0, picture.width_px / shown[0]), min(1.0, picture.height_px / shown[1]))
    quality = min(_QUALITY, found.probe.quality or _QUALITY)
    if picture.window == WHOLE and probe.orientation == 1 and scales == (1.0, 1.0):
        packed: bytes = mozjpeg_lossless.optimize(found.data, mozjpeg_lossless.COPY_MARKERS.NONE)
        return packed

    image = jpeg.open_raster(found.data, found.probe, DecodeRequest(Limits())).image
    held = pyvips.Image.new_from_memory(image.write_to_memory(), image.width, image.height, image.bands, image.format)
    whole = transform.to_upright(held, probe.orientation)
    placed = _windowed(whole, picture, _neutral(found.xmp))
    wide, high = (
        max(1, round(side * scale)) for side, scale in zip((placed.width, placed.height), scales, strict=True)
    )
    # libvips' resize wants some pixels to work on.
    resized = transform.resize(
        placed, max(wide, min(_SMALL_PX, placed.width)), max(high, min(_SMALL_PX, placed.height))
    )
    pixels = np.frombuffer(resized.write_to_memory(), np.uint8).reshape(resized.height, resized.width, resized.bands)
    return encode_jpegli(pixels, distance=distance_from_quality(quality), subsampling="4:4:4")


def _windowed(image: pyvips.Image, picture: Picture, neutral: int) -> pyvips.Image:
    """The part of the map that lies under the picture's; padding is given no gain."""
    window = picture.window
    if window == WHOLE:
        return image
    left, top = round(window.left * image.width), round(window.top * image.height)
    wide = max(1, round(window.width * image.width))
    high = max(1, round(window.height * image.height))
    grown = image.embed(
        wide,
        high,
        image.width + 2 * wide,
        image.height + 2 * high,
        extend="background",
        background=[neutral] * image.bands,
    )
    return grown.crop(
        min(max(left + wide, 0), grown.width - wide), min(max(top + high, 0), grown.height - high), wide, high
    )


def _neutral(xmp: bytes) -> int:
    """The sample that stands for no gain, by Adobe's metadata where that is one number a field; else the lowest."""
    values = [re.search(name + rb'="(-?[0-9.]{1,12})"', xmp) for name in _ATTRIBUTES]
    least, most, gamma = (float(found[1]) if found else None for found in values)
    if least is None or most is None or not least < 0 < most:
        return 0
    return int(255 * (-least / (most - least)) ** (gamma or 1.0) + 0.5)
