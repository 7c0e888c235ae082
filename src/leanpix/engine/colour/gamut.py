"""Whether a wide-gamut picture would visibly lose colours in sRGB."""

from __future__ import annotations

import pyvips

from leanpix.engine.colour import icc

_SAMPLE_PX = 256
_MAX_KEPT_BYTES = 4096
_VISIBLE_DELTA_E = 3.0
_VISIBLE_SHARE = 0.01
_SLACK = 0.02
_COARSE_STEP = 6
"""8-bit steps of sRGB: linear light has 13 in its first, gamma 1.8 and 2.2 none."""


def may_exceed_srgb(profile: bytes) -> bool:
    """Whether a profile reaches beyond sRGB and can be carried along: matrix and curves, and 8 bits do for it."""
    if len(profile) > _MAX_KEPT_BYTES or not icc.is_rgb(profile) or _is_coarse_in_the_dark(profile):
        return False
    linear = icc.to_linear(icc.colour_cube(), profile)
    return bool(linear.min() < -_SLACK or linear.max() > 1 + _SLACK)


def _is_coarse_in_the_dark(profile: bytes) -> bool:
    """Whether its first 8-bit step is a visible one, as in linear light: results have 8 bits, and would show bands."""
    step = pyvips.Image.new_from_array([[1]]).bandjoin([1, 1]).cast("uchar").copy(interpretation="srgb")
    return bool(icc.convert(step, profile).max() > _COARSE_STEP)


def would_clip(image: pyvips.Image, profile: bytes) -> bool:
    """Whether clipping to sRGB would move one pixel in a hundred by more than a visible step (3 in CIEDE2000).

    image has to be in memory; a sample of it decides, so that the cost does not grow with the picture.
    """
    shrink = max(image.width, image.height) / _SAMPLE_PX
    sample = image.resize(1 / shrink, kernel="nearest") if shrink > 1 else image
    colours = sample.extract_band(0, n=3)
    linear = icc.to_linear(colours, profile)
    clipped = (linear < 0).ifthenelse(0, linear)
    clipped = (clipped > 1).ifthenelse(1, clipped).copy(interpretation="scrgb")
    moved = linear.colourspace("lab").dE00(clipped.colourspace("lab"))
    return bool((moved > _VISIBLE_DELTA_E).avg() / 255 > _VISIBLE_SHARE)
