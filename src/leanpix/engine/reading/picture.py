"""A decoded picture, ready for an encoder: upright, 8 bits a sample, sRGB or gray."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.engine.reading.loaders.base import from_array
from leanpix.engine.reading.probe import Probe
from leanpix.engine.shape.geometry import WHOLE, Window


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels in memory and what became of the source on the way.

    pixels: (rows, width, bands) uint8, upright; 1 band gray, 2 gray + alpha, 3 sRGB, 4 sRGB + alpha (straight alpha).
    An animation has its frames stacked from top to bottom, each height_px high. delays_ms: one a frame, empty
    for a still picture. loop: how often an animation plays, 0 for ever. icc_profile: set only where a wide-gamut
    profile was kept, and then to be embedded; otherwise the pixels are sRGB. changes and warnings: short
    sentences for the report. was_transparent: whether any pixel was, before the picture was laid on a ground.
    says_srgb: the source has a profile that changes no colour. is_mended: the source's own bytes are damaged, though no
    pixel is missing. window: which part of the source this is.
    """

    pixels: NDArray[np.uint8]
    width_px: int
    height_px: int
    probe: Probe
    frames: int = 1
    delays_ms: tuple[int, ...] = ()
    loop: int = 0
    icc_profile: bytes | None = None
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    says_srgb: bool = False
    is_mended: bool = False
    was_transparent: bool = False
    window: Window = WHOLE

    @property
    def image(self) -> pyvips.Image:
        """The same memory as libvips sees it."""
        return from_array(self.pixels)

    @property
    def has_alpha(self) -> bool:
        """Whether the last band is alpha."""
        return self.pixels.shape[2] in {2, 4}

    @property
    def is_animated(self) -> bool:
        """Whether there is more than one frame."""
        return self.frames > 1
