"""WebP, by libvips (libwebp), fed with the picture's own chunks only."""

from __future__ import annotations

import pyvips

from leanpix.engine.facts import Probe
from leanpix.engine.reading.headers import webp
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, check_told

_ALL_FRAMES = -1


def open_raster(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Decode lazily: all frames where they are wanted, else the first, scaled down to twice what is needed."""
    animated = wish.animated and probe.is_animated
    scale = 1.0 if probe.is_animated or wish.shrink <= 2 else 2 / wish.shrink  # noqa: PLR2004 - twice, see above
    image = pyvips.Image.webpload_buffer(
        webp.picture_only(source),
        n=_ALL_FRAMES if animated else 1,
        scale=scale,
        access="sequential",
        fail_on="truncated",
    )
    if scale == 1:
        told = probe.stored_size
        check_told((image.width, image.height), (told[0], told[1] * (probe.frames if animated else 1)), "WebP")
    found = webp.damage(source)
    warnings = (found,) if found is not None else ()
    if not animated:
        return LazyPixels(image, webp.profile(source), warnings=warnings)
    delays, loop = webp.animation(source)
    return LazyPixels(image, webp.profile(source), len(delays), delays, loop, warnings)
