"""jpegli as far as the pyjpegli wheel's Python interface goes, and what stands in for it beyond.

The wheel takes RGB, subsamples 4:2:0 and writes baseline files; the lossless optimiser makes them progressive. Gray
and 4:4:4 go to the mozjpeg inside libvips instead.
"""

from __future__ import annotations

from typing import cast

import mozjpeg_lossless_optimization
import numpy as np
import pyjpegli
import pyvips
from numpy.typing import NDArray

from leanpix.engine.codecs.prior import PriorCurve

_MOZJPEG_QUALITIES = PriorCurve(
    ((1, 1), (30, 46), (40, 48), (50, 53), (60, 63), (70, 72), (80, 79), (90, 90), (100, 100)),
)
"""Where mozjpeg stands in: jpegli's quality and the one of annex K's tables that comes to as high a score, as median of
eleven photographs and drawings. Below 50 more than that, for mozjpeg's other tables are used up to 30, and a higher
quality must not be a smaller file (docs/decisions/0142)."""


def encode_colour_420(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """(H,W,3) pixels through pyjpegli, then made progressive without loss."""
    height, width, _ = pixels.shape
    baseline = pyjpegli.encode(pixels, width, height, quality=quality)
    return cast("bytes", mozjpeg_lossless_optimization.optimize(baseline))


def encode_full_chroma(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """(H,W,3) pixels as 4:4:4, or (H,W) as gray, through mozjpeg with trellis and optimised scans.

    Table 0 of annex K: the others save more at low scores, and cost 6 % and more at 85.
    """
    height, width = pixels.shape[:2]
    bands = pixels.size // (height * width)
    image = pyvips.Image.new_from_memory(pixels.data, width, height, bands, "uchar")
    written = image.jpegsave_buffer(
        Q=round(_MOZJPEG_QUALITIES.value(quality)),
        optimize_coding=True,
        interlace=True,
        trellis_quant=True,
        overshoot_deringing=True,
        optimize_scans=True,
        quant_table=0,
        subsample_mode="off",
        keep="none",
    )
    return cast("bytes", written)
