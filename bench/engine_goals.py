"""What the engine is asked for beside a quality: a size, a score, a smaller picture; and what its metric costs."""

from __future__ import annotations

import io
import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import engine_peers as peers
import engine_report as report
import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from leanpix.domain.formats import STANDARD_FORMATS
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.judging.ssimulacra2 import Ssimulacra2
from leanpix.engine.libraries.libjxl import libjxl

JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
RATES = (0.3, 0.5, 0.8, 1.2, 1.8, 2.5)
TARGETS = (60, 75, 85)
LARGE_PX = (6000, 4000)
SMALL_WIDTH_PX = 1200
SMALL_QUALITY = 80
RUNS = 5
_FINEST = 100
_EACH, _LUMA = np.eye(3), np.array([[0.299], [0.587], [0.114]])


def pixels(source: bytes, like: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """A result as seen at the picture's own size: a size may only have been met by fewer pixels."""
    library = libjxl()
    if library is not None and source.startswith(JPEG_XL):
        return np.ascontiguousarray(library.decode(source).pixels[:, :, :3].astype(np.uint8))
    if source[4:12] == b"ftypavif":
        with Image.open(io.BytesIO(source)) as opened:
            return np.asarray(opened.convert("RGB"))
    image = pyvips.Image.new_from_buffer(source, "").colourspace("srgb")
    image = image.flatten(background=255) if image.hasalpha() else image
    if like is not None and (image.height, image.width) != like.shape[:2]:
        image = image.resize(like.shape[1] / image.width, vscale=like.shape[0] / image.height)
    return np.ascontiguousarray(image.numpy())


def size_table(paths: Sequence[Path], absent: Sequence[str], output: OutputFormat) -> str:
    """Six sizes for every picture: how much of each is used, by how many encodes, and the score that it bought."""
    rows: dict[str, list[peers.Sized]] = {}
    scores: dict[str, list[float]] = {}
    for path in paths:
        reference = pixels(path.read_bytes())
        scorer = Ssimulacra2(reference)
        for rate in RATES:
            limit = int(reference.shape[0] * reference.shape[1] * rate / 8) // 1024 * 1024
            for name, run in peers.sized(output).items():
                if name.split()[0] not in absent:
                    made = run(path, limit)
                    rows.setdefault(name, []).append(made)
                    scores.setdefault(name, []).append(scorer.score(pixels(made.data, reference)))
    head = [f"{output} of a given size", "size / target", "above it", "encodes", "score", "leanpix's minus this score"]
    return report.table([*head, "CPU ms"], [_size_row(name, made, scores) for name, made in rows.items()])


def _size_row(name: str, made: list[peers.Sized], scores: dict[str, list[float]]) -> list[str]:
    shares = [len(result.data) / result.limit for result in made]
    over = sum(share > 1 for share in shares)
    ahead = [ours - theirs for ours, theirs in zip(scores["leanpix"], scores[name], strict=True)]
    encodes = [float(result.encodes) for result in made if result.encodes is not None]
    cells = [report.spread(shares, 3), f"{over} of {len(shares)}", report.spread(encodes, 0)]
    cpu = report.spread((result.cpu_s * 1000 for result in made), 0)
    return [name, *cells, report.spread(scores[name]), report.spread(ahead), cpu]


def score_table(paths: Sequence[Path]) -> str:
    """Automatic quality: the score that was reached, measured anew, by how many encodes and in what time."""
    head = ["automatic quality", "score reached", "below", "encodes", "bits per pixel", "CPU ms/MP"]
    return report.table(head, [_score_row(paths, output, target) for output in STANDARD_FORMATS for target in TARGETS])


def _score_row(paths: Sequence[Path], output: OutputFormat, target: int) -> list[str]:
    reached, encodes, rates, cpu = [], [], [], []
    for path in paths:
        source = path.read_bytes()
        reference = pixels(source)
        began = time.process_time()
        made = compress(source, CompressionOptions(format=output, target_score=target))
        spent_s, count = time.process_time() - began, reference.shape[0] * reference.shape[1]
        reached.append(Ssimulacra2(reference).score(pixels(made.data)))
        encodes.append(float(made.report.encodes))
        rates.append(len(made.data) * 8 / count)
        cpu.append(spent_s * 1e9 / count)
    below = sum(score < target - 0.05 for score in reached)  # 0.05: what kernels may differ by
    cells = [report.spread(reached), f"{below} of {len(reached)}", report.spread(encodes, 0)]
    return [f"{output}, at least {target}", *cells, report.spread(rates, 2), report.spread(cpu, 0)]


def finest_table(paths: Sequence[Path], absent: Sequence[str]) -> str:
    """JPEG at quality 100: how near its samples come to the picture's, and what that takes."""
    ways: dict[str, peers.Encode] = {
        "leanpix": peers.leanpix(OutputFormat.JPG),
        "libjpeg-turbo 4:4:4": peers.pillow("JPEG", subsampling=0, optimize=True, progressive=True),
        "libjpeg-turbo 4:2:0": peers.pillow("JPEG", subsampling=2, optimize=True, progressive=True),
    }
    if "sharp" not in absent:
        ways["sharp mozjpeg 4:4:4"] = peers.sharp("jpeg", mozjpeg=True, chromaSubsampling="4:4:4")
    rows = []
    for name, encode in ways.items():
        made = [(pixels(path.read_bytes()), encode(path, _FINEST).data) for path in paths]
        colour, luma = ([_psnr(of, pixels(data), weights) for of, data in made] for weights in (_EACH, _LUMA))
        rates = [len(data) * 8 / (of.shape[0] * of.shape[1]) for of, data in made]
        rows.append([name, report.spread(colour, 2), report.spread(luma, 2), report.spread(rates, 2)])
    return report.table(["JPEG at quality 100", "PSNR of R, G and B, dB", "of luma, dB", "bits per pixel"], rows)


def _psnr(reference: NDArray[np.uint8], shown: NDArray[np.uint8], weights: NDArray[np.float64]) -> float:
    away = (reference.astype(float) - shown) @ weights
    return 10 * math.log10(255**2 / max(float(np.mean(away**2)), 1e-9))


def thumbnail_table(path: Path) -> str:
    """A photograph of 24 MP made small: the engine, and the least that libvips could do."""
    source = _large(path)
    options = CompressionOptions(width_px=SMALL_WIDTH_PX, quality=SMALL_QUALITY)
    ways: dict[str, Callable[[], object]] = {
        "leanpix": lambda: compress(source, options).data,
        "libvips thumbnail and one JPEG encode": lambda: _bare(source),
    }
    times = {name: [_cpu_ms(run) for _ in range(RUNS)] for name, run in ways.items()}
    least = statistics.median(times["libvips thumbnail and one JPEG encode"])
    rows = [
        [name, report.spread(spent, 0), report.spread((value / least for value in spent), 2)]
        for name, spent in times.items()
    ]
    return report.table([f"24 MP JPEG to {SMALL_WIDTH_PX} px", "CPU ms", "of the least"], rows)


def _large(path: Path) -> bytes:
    image = pyvips.Image.new_from_file(str(path)).colourspace("srgb").extract_band(0, n=3)
    width, height = LARGE_PX
    source: bytes = image.resize(width / image.width, vscale=height / image.height).jpegsave_buffer(Q=90)
    return source


def _bare(source: bytes) -> object:
    small = pyvips.Image.thumbnail_buffer(source, SMALL_WIDTH_PX)
    return small.jpegsave_buffer(Q=SMALL_QUALITY, optimize_coding=True, interlace=True, keep="none")


def metric_table(paths: Sequence[Path]) -> str:
    """CPU time of one score, by kernel, against a reference that is met for the first time and again."""
    rows = []
    for kernel in ("auto", "numpy"):
        first, again = [], []
        for path in paths:
            reference = pixels(path.read_bytes())
            megapixels = reference.shape[0] * reference.shape[1] / 1e6
            distorted = pixels(pyvips.Image.new_from_array(reference).jpegsave_buffer(Q=70))
            scorers: list[Ssimulacra2] = []
            first.append(_cpu_ms(lambda: scorers.append(Ssimulacra2(reference, kernel=kernel))) / megapixels)  # noqa: B023 - called at once
            again.append(_cpu_ms(lambda: scorers[0].score(distorted)) / megapixels)  # noqa: B023 - called at once
        name = "native" if kernel == "auto" else "NumPy, without a compiler"
        both = [a + b for a, b in zip(first, again, strict=True)]
        rows.append([name, report.spread(both, 1), report.spread(again, 1)])
    return report.table(["SSIMULACRA2, CPU ms/MP", "first score", "each further one"], rows)


def _cpu_ms(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return 1000 * (time.process_time() - began)
