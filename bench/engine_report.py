"""Tables and plots of the engine's comparison: numbers in, Markdown and SVG out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "leanpix"
from matplotlib import pyplot as plt  # noqa: E402 - after the back end was chosen

SCORES = (60, 75, 85)
Curve = list[tuple[float, float]]
"""(bits per pixel, score) of one picture at rising settings."""


def bits_at(curve: Curve, score: float) -> float:
    """Bits per pixel at a score, interpolated on their logarithm; NaN outside the curve."""
    points = sorted(curve, key=lambda point: point[1])
    scores = [point[1] for point in points]
    if not scores[0] <= score <= scores[-1]:
        return math.nan
    return math.exp(float(np.interp(score, scores, [math.log(point[0]) for point in points])))


def spread(values: Iterable[float], digits: int = 1) -> str:
    """Median and range."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "-"
    return f"{statistics.median(known):.{digits}f} [{min(known):.{digits}f} .. {max(known):.{digits}f}]"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def relative_table(curves: dict[str, dict[str, Curve]], cpu: dict[str, list[float]], base: str) -> str:
    """Bytes at equal score against one program, in percent, and CPU time; median over the pictures with the range."""
    rows = []
    for name, pictures in curves.items():
        cells = [
            spread(
                100 * (bits_at(curve, score) / bits_at(curves[base][picture], score) - 1)
                for picture, curve in pictures.items()
            )
            for score in SCORES
        ]
        rows.append([name, *cells, spread(cpu[name], 0)])
    return table([f"% bytes against {base}", *(f"at {score}" for score in SCORES), "CPU ms/MP at setting 80"], rows)


def _median(values: Sequence[float]) -> float:
    """NaN unless every picture has a value: a median over fewer would be another line."""
    return math.nan if any(math.isnan(value) for value in values) else statistics.median(values)


def plot(curves: dict[str, dict[str, Curve]], title: str, target: Path) -> None:
    """Median rate over score, one line a program."""
    figure, axes = plt.subplots(figsize=(6, 4))
    scores = np.arange(40, 91, 2)
    for name, pictures in curves.items():
        rates = [_median([bits_at(curve, s) for curve in pictures.values()]) for s in scores]
        axes.plot(rates, scores, label=name, linewidth=2 if name == "leanpix" else 1)
    axes.set(xlabel="bits per pixel", ylabel="SSIMULACRA2", title=title, xscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})
    plt.close(figure)
