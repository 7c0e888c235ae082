"""Tables and plots of the engine's comparison: numbers in, Markdown and SVG out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "leanpix"
from matplotlib import pyplot as plt  # noqa: E402 - after the back end was chosen

SCORES = (60, 75, 85)
Curve = list[tuple[float, float]]
"""(bits per pixel, what a judge says) of one picture at rising settings."""

Curves = dict[str, dict[str, Curve]]
"""By program, by picture."""


def bits_at(curve: Curve, value: float) -> float:
    """Bits per pixel at which a judge says so much, interpolated on their logarithm; NaN outside the curve."""
    points = sorted(curve, key=lambda point: point[1])
    values = [point[1] for point in points]
    if not values[0] <= value <= values[-1]:
        return math.nan
    return math.exp(float(np.interp(value, values, [math.log(point[0]) for point in points])))


def value_at(curve: Curve, bits: float) -> float:
    """What a judge says at so many bits per pixel; NaN outside the curve."""
    points = sorted(curve)
    rates = [math.log(point[0]) for point in points]
    if math.isnan(bits) or not rates[0] - 1e-9 <= math.log(bits) <= rates[-1] + 1e-9:
        return math.nan
    return float(np.interp(math.log(bits), rates, [point[1] for point in points]))


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


def relative_table(curves: dict[str, Curves], judge: str, base: str) -> str:
    """Bytes against one program in percent where a judge says the same of both: the median and the range.

    The columns are the rates at which the first of the judges gives that program these scores.
    """
    first, asked = next(iter(curves.values())), curves[judge]
    rates = {picture: [bits_at(curve, score) for score in SCORES] for picture, curve in first[base].items()}
    rows = [
        [name, *(spread(_against(asked, name, base, rates, place)) for place in range(len(SCORES)))] for name in asked
    ]
    return table([f"% bytes against {base}, {judge}", *(f"at {score}" for score in SCORES)], rows)


def _against(curves: Curves, name: str, base: str, rates: dict[str, list[float]], place: int) -> list[float]:
    return [
        100 * (bits_at(curve, value_at(curves[base][picture], rates[picture][place])) / rates[picture][place] - 1)
        for picture, curve in curves[name].items()
    ]


def _median(values: Sequence[float]) -> float:
    """NaN unless every picture has a value: a median over fewer would be another line."""
    return math.nan if any(math.isnan(value) for value in values) else statistics.median(values)


def plot(curves: dict[str, Curves], title: str, target: Path) -> None:
    """A plot a judge: the median rate over what it says, one line a program."""
    figure, all_axes = plt.subplots(2, 2, figsize=(11, 8))
    for axes, (judge, programs) in zip(all_axes.flat, curves.items(), strict=False):
        values = _values(programs)
        for name, pictures in programs.items():
            rates = [_median([bits_at(curve, value) for curve in pictures.values()]) for value in values]
            axes.plot(rates, values, label=name, linewidth=2 if name == "leanpix" else 1)
        axes.set(xlabel="bits per pixel", ylabel=judge, title=title, xscale="log")
        axes.grid(alpha=0.3, which="both")
    for axes in all_axes.flat[len(curves) :]:
        axes.set_axis_off()
    all_axes.flat[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})
    plt.close(figure)


def _values(programs: Curves) -> NDArray[np.float64]:
    """What a judge says from the lowest to the highest setting of the first program."""
    curves = next(iter(programs.values())).values()
    lowest, highest = (statistics.median(end(point[1] for point in curve) for curve in curves) for end in (min, max))
    return np.linspace(lowest, highest, 40)
