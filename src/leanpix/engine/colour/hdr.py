"""Pictures of a high dynamic range (PQ, HLG) shown on an ordinary screen, as browsers show them there.

Reference white is 203 nits (ITU-R BT.2408). What is brighter is bent into the range by the reference white tone mapping
of SMPTE ST 2094-50, by the largest of the three primaries of BT.2020, so that hues stay.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.colour.code_points import BT2020
from leanpix.engine.colour.made_profile import SRGB_PRIMARIES, Primaries, rgb_to_rgb

WHITE_NITS, DEFAULT_PEAK_NITS = 203.0, 1000.0
_HLG_PEAK_NITS, _HLG_GAMMA = 1000.0, 1.2
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020's primaries
_KNEE_SOFTNESS = 0.65
_DIMMEST_KNEE = 0.5
_GRAYS = (1, 2)
_STRIP_ROWS = 64
_LEAST = 1e-9

Light = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HighRange:
    """Primaries, whether the transfer function is PQ's (else HLG's), and the brightest that occurs."""

    primaries: Primaries
    is_pq: bool
    peak_nits: float = DEFAULT_PEAK_NITS


def to_sdr(samples: NDArray[np.uint8] | NDArray[np.uint16], meant: HighRange) -> NDArray[np.uint8]:
    """8-bit sRGB, or gray, of samples of 8 or 16 bits: (H, W, bands); alpha, the second or fourth band, stays."""
    height, width, bands = samples.shape
    most = np.iinfo(samples.dtype).max
    shown = np.empty((height, width, bands), np.uint8)
    colours = 1 if bands in _GRAYS else 3
    light = _pq_light if meant.is_pq else _hlg_light
    table = light(np.arange(most + 1) / most)
    to_2020 = rgb_to_rgb(meant.primaries, BT2020)
    to_srgb = rgb_to_rgb(BT2020, SRGB_PRIMARIES)
    bend = _curve(meant.peak_nits)
    for top in range(0, height, _STRIP_ROWS):
        strip = samples[top : top + _STRIP_ROWS]
        # Gray is the same under any primaries.
        scene = table[strip[..., :colours]]
        scene = scene if colours == 1 else scene @ to_2020.T
        display = scene if meant.is_pq else _hlg_display(scene)
        brightest = display.max(axis=-1, keepdims=True)
        bent = display * np.where(brightest > 0, bend(brightest) / np.maximum(brightest, _LEAST), 1.0)
        linear = bent if colours == 1 else bent @ to_srgb.T
        shown[top : top + _STRIP_ROWS, :, :colours] = (_srgb_encoded(linear) * 255).round()
        shown[top : top + _STRIP_ROWS, :, colours:] = strip[..., colours:] // ((most + 1) // 256)
    return shown


def _pq_light(coded: Light) -> Light:
    """SMPTE ST 2084; 1 is reference white."""
    low, high, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    bent = coded ** (1 / high)
    light: Light = (np.maximum(bent - c1, 0) / (c2 - c3 * bent)) ** (1 / low) * (10_000 / WHITE_NITS)
    return light


def _hlg_light(coded: Light) -> Light:
    """ITU-R BT.2100; the scene's light, 1 the brightest."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    light: Light = np.where(coded <= 1 / 2, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    return light


def _hlg_display(scene: Light) -> Light:
    """From the scene to a display of 1,000 nits; 1 is reference white."""
    luminance = scene if scene.shape[-1] == 1 else (scene @ _LUMINANCE)[..., np.newaxis]
    shown: Light = scene * np.maximum(luminance, _LEAST) ** (_HLG_GAMMA - 1) * (_HLG_PEAK_NITS / WHITE_NITS)
    return shown


def _curve(peak_nits: float) -> Callable[[Light], Light]:
    """From light, 1 reference white, to what a screen shows of it, 1 its white: a line, then a quadratic Bezier."""
    peak = peak_nits / WHITE_NITS
    if peak <= 1:
        return np.positive
    share = min(np.log2(peak) / np.log2(DEFAULT_PEAK_NITS / WHITE_NITS), 1.0)
    knee = 1 - (1 - _DIMMEST_KNEE) * share
    middle_x = 1 - _KNEE_SOFTNESS + _KNEE_SOFTNESS / knee
    middle_y = (1 - _KNEE_SOFTNESS) * knee + _KNEE_SOFTNESS
    return functools.partial(_bent, peak, knee, middle_x, middle_y)


def _bent(peak: float, knee: float, middle_x: float, middle_y: float, light: Light) -> Light:
    square, line = 1 - 2 * middle_x + peak, 2 * (middle_x - 1)
    rest = 1 - np.clip(light, 1, peak)
    root = np.sqrt(np.maximum(line * line - 4 * square * rest, 0))
    along = -2 * rest / (line + root)  # the root that is stable where square is next to nothing
    above = knee * (1 - along) ** 2 + 2 * along * (1 - along) * middle_y + along**2
    bent: Light = np.where(light <= 1, knee * light, above)
    return bent


def _srgb_encoded(linear: Light) -> Light:
    bounded = np.clip(linear, 0, 1)
    encoded: Light = np.where(bounded <= 0.0031308, bounded * 12.92, 1.055 * bounded ** (1 / 2.4) - 0.055)  # noqa: PLR2004 - sRGB's own bend
    return encoded
