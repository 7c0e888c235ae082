"""What becomes of pictures that come again, and how PNGs grow with their quality: two tables; exit 1 where one fails.

    python -m bench.steady [PICTURES...] [--side 384]

Without pictures those of tests/support/trust.py are made. Of larger ones the middle is taken, so many pixels a side:
both tables are about encodes' order, not about their size. Own results are given to automatic quality five times: at
most 1.5 points of the first result's score are lost, and no pass after the second gains 2 percent. A PNG of a quality
higher by 5 is at most 2 percent smaller and at most 5 times as large.
"""

from __future__ import annotations

import argparse
import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tests.support import trust

from leanpix.engine import CompressionOptions, OutputFormat, compress, score

Pixels = NDArray[np.uint8]
PASSES, MOST_LOST, LEAST_GAIN = 5, 1.5, 0.02
QUALITIES = range(40, 96, 5)
MOST_SMALLER, MOST_LARGER = 0.02, 5.0
FORMATS = (OutputFormat.JPG, OutputFormat.WEBP, OutputFormat.PNG)


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--side", type=int, default=384)
    given = parser.parse_args()
    pictures = [(path.stem, middle(path, given.side)) for path in given.pictures] or list(made())

    short, rows = 0, 0
    print("| picture | format | bytes of the passes | scores | |\n|---|---|---|---|---|")
    for name, pixels in pictures:
        for form in FORMATS:
            sizes, scores = passes(pixels, form)
            is_steady = scores[-1] >= scores[0] - MOST_LOST and all(
                later >= (1 - LEAST_GAIN) * one for one, later in itertools.pairwise(sizes[1:])
            )
            short, rows = short + (not is_steady), rows + 1
            print(
                f"| {name} | {form.value} | {told(sizes)} | {told(scores)} | {'' if is_steady else 'short'} |",
                flush=True,
            )

    print(f"\n| picture | PNG bytes at {', '.join(map(str, QUALITIES))} | |\n|---|---|---|")
    for name, pixels in pictures:
        sizes = [len(result(as_png(pixels), OutputFormat.PNG, quality)) for quality in QUALITIES]
        grows = all((1 - MOST_SMALLER) * one <= other <= MOST_LARGER * one for one, other in itertools.pairwise(sizes))
        short, rows = short + (not grows), rows + 1
        print(f"| {name} | {told(sizes)} | {'' if grows else 'short'} |", flush=True)
    print(f"\n{short} of {rows} fall short")
    return int(short > 0)


def made() -> Iterator[tuple[str, Pixels]]:
    """Three of each kind, without alpha."""
    for kind, seed in itertools.product(trust.KINDS, range(3)):
        picture = kind(seed)
        if picture.pixels.shape[2] == 3:
            yield f"{picture.name} {seed}", picture.pixels


def middle(path: Path, side: int) -> Pixels:
    """Of a file, at most so many pixels a side."""
    picture = Image.open(path).convert("RGB")
    left, top = max(0, picture.width - side) // 2, max(0, picture.height - side) // 2
    part = picture.crop((left, top, left + min(side, picture.width), top + min(side, picture.height)))
    return np.asarray(part).copy()


def passes(pixels: Pixels, form: OutputFormat) -> tuple[list[int], list[float]]:
    """The bytes of each pass, and its score against what the first was made from."""
    data, sizes, scores = as_png(pixels), list[int](), list[float]()
    for _ in range(PASSES):
        data = result(data, form)
        sizes.append(len(data))
        scores.append(round(score(pixels, shown(data)), 1))
    return sizes, scores


def result(data: bytes, form: OutputFormat, quality: int | None = None) -> bytes:
    """The engine's, by itself or at a quality."""
    return compress(data, CompressionOptions(format=form, quality=quality)).data


def as_png(pixels: Pixels) -> bytes:
    """The pixels as a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def shown(data: bytes) -> Pixels:
    """A file's pixels."""
    return np.ascontiguousarray(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def told(values: list[int] | list[float]) -> str:
    """In a cell of the table; what stays the same once."""
    once = [values[0], *(other for one, other in itertools.pairwise(values) if other != one)]
    return ", ".join(map(str, once))


if __name__ == "__main__":
    sys.exit(main())
