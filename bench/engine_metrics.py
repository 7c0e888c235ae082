"""What a result looks like, by several judges: two of luma written here, Butteraugli by libjxl's own program.

Each number is higher for what looks better. Pictures are (H,W,3) sRGB, two of one size. PSNR-HVS-M and MS-SSIM see no
colour.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.judging.ssimulacra2 import Ssimulacra2

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float64]
Judge = Callable[[Pixels], float]

SCORE = "SSIMULACRA2"
BUTTERAUGLI = "butteraugli_main"
"""Of Debian's libjxl-devtools."""

_SIDE = 8
# The luma table of ITU T.81, annex K, of which PSNR-HVS-M makes its two weights of a frequency.
_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float64,
)  # fmt: skip
_SEEN, _MASKING = 25.735088 / _STEPS, (10 / _STEPS) ** 2
_MASKED_LEVELS = 32.0

_SIGMA, _RADIUS = 1.5, 5
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_STEADY = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)


def judges(reference: Pixels) -> dict[str, Judge]:
    """Of a picture: a function of a result for each judge that is to be had here, by its name."""
    scorer, luma = Ssimulacra2(reference), _luma(reference)
    all_of_them: dict[str, Judge] = {
        SCORE: scorer.score,
        "PSNR-HVS-M": lambda shown: psnr_hvs_m(luma, _luma(shown)),
        "MS-SSIM": lambda shown: ms_ssim_db(luma, _luma(shown)),
    }
    if shutil.which(BUTTERAUGLI):
        all_of_them["Butteraugli 3-norm"] = lambda shown: -butteraugli(reference, shown)
    return all_of_them


def psnr_hvs_m(reference: Plane, shown: Plane) -> float:
    """PSNR in dB of luma's frequencies as far as they are seen beside what masks them.

    After Ponomarenko et al., "On between-coefficient contrast masking of DCT basis functions", 2007: whole blocks of
    8 x 8. At most 100.
    """
    one, other = _blocks(reference), _blocks(shown)
    waves, other_waves = _transformed(one), _transformed(other)
    masked = np.maximum(_masked(one, waves), _masked(other, other_waves))[:, None, None]
    off = np.abs(waves - other_waves)
    hidden = masked / _MASKING
    hidden[:, 0, 0] = 0  # the mean is never masked
    mean = float(np.square(np.maximum(off - hidden, 0) * _SEEN).mean())
    return 100.0 if mean <= 255**2 / 1e10 else 10 * math.log10(255**2 / mean)


def _blocks(plane: Plane) -> Plane:
    rows, columns = plane.shape[0] // _SIDE, plane.shape[1] // _SIDE
    whole = plane[: rows * _SIDE, : columns * _SIDE].reshape(rows, _SIDE, columns, _SIDE)
    return whole.transpose(0, 2, 1, 3).reshape(-1, _SIDE, _SIDE)


def _transformed(blocks: Plane) -> Plane:
    frequency, place = np.mgrid[0:_SIDE, 0:_SIDE]
    cosines = np.where(frequency, 0.5, math.sqrt(1 / _SIDE)) * np.cos(math.pi * (2 * place + 1) * frequency / 16)
    waves: Plane = np.einsum("ki,nij,lj->nkl", cosines, blocks, cosines, optimize=True)
    return waves


def _masked(blocks: Plane, waves: Plane) -> Plane:
    """How much of an error each block hides: by its waves, and the less the more its quarters differ."""
    energy = (np.square(waves) * _MASKING).sum(axis=(1, 2)) - np.square(waves[:, 0, 0]) * _MASKING[0, 0]
    half = _SIDE // 2
    quarters = [blocks[:, y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
    whole = blocks.var(axis=(1, 2), ddof=1) * _SIDE**2
    parts = sum(quarter.var(axis=(1, 2), ddof=1) * half**2 for quarter in quarters)
    alike = np.divide(parts, whole, out=np.zeros_like(whole), where=whole > 0)
    masked: Plane = np.sqrt(energy * alike) / _MASKED_LEVELS
    return masked


def ms_ssim_db(reference: Plane, shown: Plane) -> float:
    """How much of luma's structure is kept, as -10 log10 of what is lost: at most 100 dB.

    After Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment", 2003: five
    scales, by a Gaussian of sigma 1.5 over 11 pixels. ValueError: a side under 176 pixels, which the last scale needs.
    """
    if min(reference.shape) < (2 * _RADIUS + 1) << (len(_SCALES) - 1):
        raise ValueError(f"MS-SSIM needs sides of 176 pixels, this picture has {min(reference.shape)}")
    kept = 1.0
    for scale, weight in enumerate(_SCALES):
        light, structure = _ssim(reference, shown)
        kept *= max(1e-6, light if scale == len(_SCALES) - 1 else structure) ** weight
        reference, shown = _halved(reference), _halved(shown)
    return -10 * math.log10(max(1e-10, 1 - kept))


def _ssim(one: Plane, other: Plane) -> tuple[float, float]:
    mean, other_mean = _blurred(one), _blurred(other)
    spread = _blurred(one * one) - mean * mean + _blurred(other * other) - other_mean * other_mean
    both = _blurred(one * other) - mean * other_mean
    structure = (2 * both + _STEADY[1]) / (spread + _STEADY[1])
    light = (2 * mean * other_mean + _STEADY[0]) / (mean * mean + other_mean * other_mean + _STEADY[0])
    return float((light * structure).mean()), float(structure.mean())


def _blurred(plane: Plane) -> Plane:
    weights = np.exp(-np.square(np.arange(-_RADIUS, _RADIUS + 1)) / (2 * _SIGMA**2))
    weights /= weights.sum()
    down: Plane = sliding_window_view(plane, weights.size, axis=0) @ weights
    across: Plane = sliding_window_view(down, weights.size, axis=1) @ weights
    return across


def _halved(plane: Plane) -> Plane:
    rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
    halved: Plane = plane[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean(axis=(1, 3))
    return halved


def butteraugli(reference: Pixels, shown: Pixels) -> float:
    """The 3-norm of Butteraugli's distance, by libjxl's program."""
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / name) for name in ("reference.ppm", "shown.ppm")]
        for name, picture in zip(names, (reference, shown), strict=True):
            Image.fromarray(picture).save(name)
        done = subprocess.run([BUTTERAUGLI, *names], check=True, capture_output=True, text=True)
    return float(done.stdout.split("3-norm:")[1])


def _luma(picture: Pixels) -> Plane:
    luma: Plane = picture[:, :, :3].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return luma
