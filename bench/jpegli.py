"""The kernels' encoder, the two paths to jpegli, and Pillow, side by side: CPU time, and bytes at equal SSIMULACRA2.

    python bench/jpegli.py PICTURES...

Bytes at a score are interpolated between encodes at nine rates, and compared with Pillow's progressive, optimised
files on the same picture. CPU time by the operating system at quality 80, the least of three runs.
"""

from __future__ import annotations

import argparse
import functools
import io
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.codecs.jpeg.jpegli import Backend, distance_from_quality, encode_jpegli, jpegli_backend
from leanpix.engine.codecs.jpeg.own_encoder import OwnEncoder, own_encoder
from leanpix.engine.judging.ssimulacra2 import Ssimulacra2

Pixels = NDArray[np.uint8]
Encode = Callable[[Pixels, int], bytes]

QUALITIES = (20, 35, 50, 62, 72, 80, 86, 92, 96)
TIMED_QUALITY = 80
SCORES = (60, 75, 85)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in parser.parse_args().pictures]
    print(f"jpegli: {jpegli_backend()}; {len(pictures)} pictures, {sum(p.size for p in pictures) / 3e6:.1f} MP")
    by_name = {name: [measure(encode, picture) for picture in pictures] for name, encode in encoders().items()}
    print(f"{'encoder':22} {'ms/MP':>7} {'spread':>11}" + "".join(f"   bytes at {score}" for score in SCORES))
    for name, rows in by_name.items():
        print_row(name, rows, by_name["Pillow"])


def encoders() -> dict[str, Encode]:
    own = own_encoder()
    return {
        **({} if own is None else {"kernels 4:2:0": functools.partial(by_kernels, own)}),
        "Pillow": by_pillow,
        "native 4:2:0": functools.partial(by_jpegli, backend="native"),
        "wheel 4:2:0": functools.partial(by_jpegli, backend="wheel"),
        "native 4:4:4": functools.partial(by_jpegli, backend="native", full_chroma=True),
        "wheel 4:4:4 (mozjpeg)": functools.partial(by_jpegli, backend="wheel", full_chroma=True),
    }


def by_pillow(picture: Pixels, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, progressive=True, optimize=True)
    return buffer.getvalue()


def by_kernels(encoder: OwnEncoder, picture: Pixels, quality: int) -> bytes:
    return encoder.encode(picture, distance=distance_from_quality(quality), subsampling="4:2:0")


def by_jpegli(picture: Pixels, quality: int, *, backend: Backend, full_chroma: bool = False) -> bytes:
    distance = distance_from_quality(quality)
    subsampling = "4:4:4" if full_chroma else "4:2:0"
    return encode_jpegli(picture, distance=distance, subsampling=subsampling, backend=backend)


def measure(encode: Encode, picture: Pixels) -> tuple[float, list[float]]:
    """CPU ms a megapixel, and the bytes at each of SCORES."""
    scorer = Ssimulacra2(picture)
    rates = []
    for quality in QUALITIES:
        jpeg = encode(picture, quality)
        rates.append((scorer.score(np.asarray(Image.open(io.BytesIO(jpeg)))), math.log(len(jpeg))))
    scores, sizes = zip(*sorted(rates), strict=True)
    cpu_ms = min(timed(encode, picture) for _ in range(3))
    return cpu_ms / (picture.size / 3e6), [math.exp(np.interp(score, scores, sizes)) for score in SCORES]


def timed(encode: Encode, picture: Pixels) -> float:
    start = time.process_time()
    encode(picture, TIMED_QUALITY)
    return (time.process_time() - start) * 1e3


def print_row(name: str, rows: list[tuple[float, list[float]]], base: list[tuple[float, list[float]]]) -> None:
    times = [row[0] for row in rows]
    print(f"{name:22} {statistics.median(times):7.1f} {min(times):5.1f}-{max(times):5.1f}", end="")
    for i in range(len(SCORES)):
        ratios = [100 * (row[1][i] / other[1][i] - 1) for row, other in zip(rows, base, strict=True)]
        print(f"  {statistics.median(ratios):+5.1f} %     ", end="")
    print()


if __name__ == "__main__":
    main()
