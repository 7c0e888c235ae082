"""AVIF at 8 and at 10 bits a sample: bytes at equal SSIMULACRA2, SSIM and PSNR of luma, and processor time.

libaom by libvips at the speed of small pictures, 4:2:0; both are read back in 8 bits, as browsers show them. Bytes at a
value are interpolated between six qualities. Usage: bench/avif_depth.py PICTURE ...
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine import score

QUALITIES = (35, 45, 55, 65, 75, 85)
SCORES = (60, 75, 85)
EFFORT = 3
LUMA = np.array([0.299, 0.587, 0.114])

Pixels = NDArray[np.uint8]


class Encode(NamedTuple):
    """One encode: bytes, what three metrics say of it, processor seconds."""

    size: int
    score: float
    ssim: float
    psnr: float
    spent_s: float


def blurred(plane: NDArray[Any]) -> NDArray[Any]:
    kernel = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        plane = np.apply_along_axis(lambda line: np.convolve(line, kernel, "valid"), axis, plane)
    return plane


def ssim(one: Pixels, other: Pixels) -> float:
    a, b = one @ LUMA, other @ LUMA
    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    both = blurred(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + 6.5025) * (2 * both + 58.5225)
    return float((above / ((mean_a**2 + mean_b**2 + 6.5025) * (var_a + var_b + 58.5225))).mean())


def psnr(one: Pixels, other: Pixels) -> float:
    return float(10 * np.log10(65025 / ((one @ LUMA - other @ LUMA) ** 2).mean()))


def encodes(pixels: Pixels, bits: int) -> list[Encode]:
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")
    found = []
    for quality in QUALITIES:
        began_s = time.process_time()
        data = image.heifsave_buffer(compression="av1", bitdepth=bits, effort=EFFORT, Q=quality, subsample_mode="on")
        spent_s = time.process_time() - began_s
        shown = np.ascontiguousarray(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
        found.append(Encode(len(data), score(pixels, shown), ssim(pixels, shown), psnr(pixels, shown), spent_s))
    return found


def size_at(found: Sequence[Encode], metric: Callable[[Encode], float], value: float) -> float:
    return float(np.exp(np.interp(value, [metric(one) for one in found], [np.log(one.size) for one in found])))


def row(name: str, changes: Sequence[float]) -> None:
    print(f"| {name} | {np.mean(changes):+.1%} | {min(changes):+.1%} / {max(changes):+.1%} |")


def main() -> None:
    pyvips.cache_set_max(0)
    pictures = [np.ascontiguousarray(np.asarray(Image.open(Path(word)).convert("RGB"))) for word in sys.argv[1:]]
    pairs = [(encodes(one, 8), encodes(one, 10)) for one in pictures]
    print("| at equal | 10 bits against 8, bytes | least, most |\n|---|---|---|")
    for value in SCORES:
        row(f"score {value}", [size_at(b, lambda e: e.score, value) / size_at(a, lambda e: e.score, value) - 1
                               for a, b in pairs])  # fmt: skip
    for number in range(1, len(QUALITIES) - 1):
        row(f"SSIM of quality {QUALITIES[number]}", [size_at(b, lambda e: e.ssim, a[number].ssim) / a[number].size - 1
                                                     for a, b in pairs])  # fmt: skip
        row(f"PSNR of quality {QUALITIES[number]}", [size_at(b, lambda e: e.psnr, a[number].psnr) / a[number].size - 1
                                                     for a, b in pairs])  # fmt: skip
    spent = [sum(one.spent_s for pair in pairs for one in pair[which]) for which in (0, 1)]
    print(f"| processor time | {spent[1] / spent[0] - 1:+.0%} | |")


if __name__ == "__main__":
    main()
