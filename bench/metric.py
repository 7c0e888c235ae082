"""The metric's CPU time by kernel, against the oracle's, and how far its scores are from the oracle's.

    python bench/metric.py PICTURES...

Each picture is scored against itself after JPEG at four qualities. CPU time by the operating system, the least of
several runs, a line a kernel; the machine's other work shows in the ratios least.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from leanpix.engine.judging.ssimulacra2 import Ssimulacra2
from leanpix.engine.libraries.native import native_path

Pixels = NDArray[np.uint8]
Case = tuple[Pixels, Pixels]

QUALITIES = (20, 60, 85, 97)
LARGEST_PX = 2000  # the oracle takes two seconds a megapixel


@dataclass
class Result:
    """A kernel's times and scores, a value a pair."""

    ms_per_mp: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    cases = [case for path in parser.parse_args().pictures for case in cases_of(path)]
    results = {name: measure(scorer, cases) for name, scorer in kernels().items()}
    print(f"native library: {native_path()}; {len(cases)} pairs")
    print(f"{'kernel':30} {'ms/MP':>8} {'spread':>13} {'of oracle':>10} {'largest difference of scores':>30}")
    for name, result in results.items():
        print_row(name, result, results["oracle"])


def cases_of(path: Path) -> Iterable[Case]:
    image = Image.open(path).convert("RGBA").convert("RGB")
    image.thumbnail((LARGEST_PX, LARGEST_PX))
    reference = np.asarray(image)
    for quality in QUALITIES:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        yield reference, np.asarray(Image.open(buffer))


def kernels() -> dict[str, Callable[[Pixels], Callable[[Pixels], float]]]:
    """What prepares a reference, and then scores against it; the preparation is not timed, except the oracle's."""
    return {
        "native, reference kept": lambda reference: Ssimulacra2(reference).score,
        "native, reference anew": lambda reference: Ssimulacra2(reference, keep_limit_bytes=0).score,
        "NumPy": lambda reference: Ssimulacra2(reference, kernel="numpy").score,
        "oracle": lambda reference: lambda distorted: oracle(reference, distorted),
    }


def oracle(reference: Pixels, distorted: Pixels) -> float:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "a.png", Path(folder) / "b.png"]
        for path, pixels in zip(paths, (reference, distorted), strict=True):
            Image.fromarray(pixels).save(path, compress_level=0)
        return float(compute_ssimulacra2(*paths))


def measure(prepare: Callable[[Pixels], Callable[[Pixels], float]], cases: list[Case]) -> Result:
    result = Result()
    for reference, distorted in cases:
        score = prepare(reference)
        first, value = cpu_ms(score, distorted)
        runs = [first] if first > 500 else [first, *(cpu_ms(score, distorted)[0] for _ in range(4))]
        result.ms_per_mp.append(min(runs) / (reference.size / 3e6))
        result.scores.append(value)
    return result


def cpu_ms(score: Callable[[Pixels], float], distorted: Pixels) -> tuple[float, float]:
    start = time.process_time()
    value = score(distorted)
    return (time.process_time() - start) * 1e3, value


def print_row(name: str, result: Result, oracle_result: Result) -> None:
    median = statistics.median(result.ms_per_mp)
    spread = f"{min(result.ms_per_mp):.1f}-{max(result.ms_per_mp):.1f}"
    ratio = median / statistics.median(oracle_result.ms_per_mp)
    difference = max(abs(a - b) for a, b in zip(result.scores, oracle_result.scores, strict=True))
    print(f"{name:30} {median:8.1f} {spread:>13} {ratio:10.4f} {difference:30.5f}")


if __name__ == "__main__":
    main()
