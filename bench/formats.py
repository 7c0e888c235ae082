"""JPEG, WebP, AVIF and JPEG XL at equal scores: bytes, and processor seconds a megapixel, ours and others' encoders.

    formats.py PICTURE...

Each encoder draws its curve over its settings; bytes at the scores 60, 75 and 85 are read off it, on a log scale.
A program that is not installed is left out; sharp is looked for in .tools/peers. Results are in docs/decisions/0260.
"""

from __future__ import annotations

import io
import shutil
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from engine_peers import PEERS_FOLDER, Peer, command, leanpix, sharp
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine import OutputFormat, score
from leanpix.engine.libraries.libjxl import libjxl

SCORES = (60.0, 75.0, 85.0)
_QUALITIES = (25, 40, 55, 68, 78, 86, 93)


def main(names: list[str]) -> None:
    """Print the table: bytes as a share of our WebP's, and seconds a megapixel."""
    paths = [Path(name) for name in names]
    rows = {peer.name: _row(peer, paths) for peer in _peers()}
    base = rows["leanpix WebP"]
    print("| encoder | " + " | ".join(f"bytes at {at:.0f}" for at in SCORES) + " | CPU s/MP |")
    print("|---|---|---|---|---|")
    for name, (sizes, cpu_s) in rows.items():
        shares = [np.exp(np.mean(np.log(sizes[at]) - np.log(base[0][at]))) - 1 for at in range(len(SCORES))]
        print(f"| {name} | " + " | ".join(f"{share:+.1%}" for share in shares) + f" | {cpu_s:.2f} |")


def _peers() -> Iterator[Peer]:
    for form, name in ((OutputFormat.JPG, "JPEG"), (OutputFormat.WEBP, "WebP"), (OutputFormat.AVIF, "AVIF")):
        yield Peer(f"leanpix {name}", leanpix(form), _QUALITIES)
    yield Peer("leanpix JPEG XL", leanpix(OutputFormat.JXL), _QUALITIES)
    if shutil.which("avifenc"):
        words = ("avifenc", "-j", "1", "-s", "6", "--min", "{setting}", "--max", "{setting}", "{in}", "{out}")
        yield Peer("avifenc -s 6", command(*words, suffix=".avif"), (54, 46, 38, 31, 25, 19, 12))
    if shutil.which("cjxl"):
        words = ("cjxl", "--num_threads=0", "-e", "7", "-q", "{setting}", "{in}", "{out}")
        yield Peer("cjxl -e 7", command(*words, suffix=".jxl"), _QUALITIES)
    if (PEERS_FOLDER / "node_modules" / "sharp").is_dir():
        for form, name in (("jpeg", "JPEG (mozjpeg)"), ("webp", "WebP"), ("avif", "AVIF")):
            options = {"mozjpeg": True} if form == "jpeg" else {}
            yield Peer(f"sharp {name}", sharp(form, **options), _QUALITIES)


def _row(peer: Peer, paths: list[Path]) -> tuple[list[list[float]], float]:
    """Bytes at each score for each picture, and the median of seconds a megapixel."""
    sizes: list[list[float]] = [[] for _ in SCORES]
    costs = []
    for path in paths:
        with Image.open(path) as opened:
            original = np.asarray(opened.convert("RGB"))
        curve = []
        for setting in peer.settings:
            made = peer.encode(path, setting)
            curve.append((score(original, _pixels(made.data)), np.log(len(made.data))))
            costs.append(made.cpu_s / (original.shape[0] * original.shape[1]) * 1e6)
        scores, bytes_ = zip(*sorted(curve), strict=True)
        for at, wanted in enumerate(SCORES):
            sizes[at].append(float(np.exp(np.interp(wanted, scores, bytes_))))
    return sizes, statistics.median(costs)


def _pixels(data: bytes) -> NDArray[np.uint8]:
    library = libjxl()
    if library is not None and (data.startswith(b"\xff\x0a") or data[4:8] == b"JXL "):
        return np.ascontiguousarray(library.decode(data).pixels[..., :3].astype(np.uint8))
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened.convert("RGB"))


if __name__ == "__main__":
    main(sys.argv[1:])
