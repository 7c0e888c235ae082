"""Lossless WebP of large drawings: `python bench/lossless_webp.py own|0|2 PICTURE...` prints bytes, seconds and memory.

One encode a run, so that its peak of memory is its own. One picture is enlarged to 5400 pixels a row, several are
pasted side by side at their own scale, 5400 x 3800 pixels of them.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.codecs.webp.lossless.encoder import encode_lossless, lossless_kernels

WIDTH_PX, HEIGHT_PX = 5400, 3800
_QUALITY = 75
_SEED = 7

Pixels = NDArray[np.uint8]


def main() -> int:
    """Encode once, and print."""
    method, *names = sys.argv[1:]
    pixels = pasted(names) if len(names) > 1 else enlarged(names[0])
    before_mb, began_s = _peak_mb(), time.process_time()
    data = encoded(pixels, method)
    spent_s = time.process_time() - began_s
    print(f"{method}: {len(data):,} bytes, {spent_s:.2f} s, peak {_peak_mb()} MB of {before_mb} before")
    return 0


def encoded(pixels: Pixels, method: str) -> bytes:
    """By the coder of our own, or by one of libwebp's methods."""
    if method == "own":
        kernels = lossless_kernels()
        if kernels is None:
            raise SystemExit("the native library was not built")
        return encode_lossless(pixels, kernels)
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.reshape(-1).data, width, height, bands, "uchar")
    data: bytes = image.copy(interpretation="srgb").webpsave_buffer(lossless=True, effort=int(method), Q=_QUALITY)
    return data


def enlarged(name: str) -> Pixels:
    """To the width; cut or repeated to the height."""
    with Image.open(name) as opened:
        has_alpha = "A" in opened.mode or "transparency" in opened.info
        picture = opened.convert("RGBA" if has_alpha else "RGB")
    whole = picture.resize((WIDTH_PX, round(picture.height * WIDTH_PX / picture.width)), Image.Resampling.LANCZOS)
    pixels = np.asarray(whole)
    times = -(-HEIGHT_PX // pixels.shape[0])
    return np.ascontiguousarray(np.tile(pixels, (times, 1, 1))[:HEIGHT_PX])


def pasted(names: list[str]) -> Pixels:
    """In rows, whichever comes by chance, cut at the edges."""
    page, chance = np.full((HEIGHT_PX, WIDTH_PX, 3), 255, np.uint8), np.random.default_rng(_SEED)
    pictures = [np.asarray(Image.open(name).convert("RGB")) for name in names]
    left = top = row = 0
    while top < HEIGHT_PX:
        one = pictures[chance.integers(len(pictures))][: HEIGHT_PX - top, : WIDTH_PX - left]
        page[top : top + one.shape[0], left : left + one.shape[1]] = one
        row, left = max(row, one.shape[0]), left + one.shape[1]
        if left >= WIDTH_PX:
            left, top, row = 0, top + row, 0
    return page


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
