"""AVIF and JPEG XL at the efforts that searches use and end with: bytes at equal scores by each judge, and time.

    efforts.py avif|jxl PICTURE...

Against the first effort, at the rates where that scores 60, 75 and 85; the figures are in docs/decisions/0368.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from pathlib import Path

import engine_report as report
import numpy as np
from engine_metrics import SCORE, judges
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.codecs.avif import AvifEncoder, decoded_avif
from leanpix.engine.codecs.base import Raster
from leanpix.engine.codecs.jxl import JxlEncoder, decoded_jxl

EFFORTS = {"avif": (3, 4, 5), "jxl": (5, 8)}
SETTINGS = {"avif": (48.0, 62.0, 75.0, 86.0, 94.0), "jxl": (-1.4, -0.9, -0.3, 0.3, 0.9)}


def main(name: str, pictures: list[str]) -> None:
    """Print a table: medians over the pictures."""
    curves: dict[int, dict[str, report.Curves]] = {effort: {} for effort in EFFORTS[name]}
    spent: dict[int, list[float]] = {effort: [] for effort in EFFORTS[name]}
    for picture in pictures:
        with Image.open(picture) as opened:
            source = np.ascontiguousarray(np.asarray(opened.convert("RGB")))
        by_judge, count = judges(source), source.shape[0] * source.shape[1]
        for effort in EFFORTS[name]:
            for setting in SETTINGS[name]:
                began = time.process_time()
                data, shown = encoded(name, source, effort, setting)
                spent[effort].append((time.process_time() - began) * 1e6 / count)
                for judge, judged in by_judge.items():
                    of_all = curves[effort].setdefault(judge, {}).setdefault(name, {})
                    of_all.setdefault(Path(picture).name, []).append((len(data) * 8 / count, judged(shown)))
    rows = [[f"{effort}", f"{statistics.median(spent[effort]):.2f}", *cells(curves, effort)] for effort in curves]
    print(
        report.table(["effort", "CPU s/MP", *(f"{judge} at {at}" for at in report.SCORES for judge in by_judge)], rows)
    )


def encoded(name: str, source: NDArray[np.uint8], effort: int, setting: float) -> tuple[bytes, NDArray[np.uint8]]:
    """By one of the two, and as it is seen."""
    if name == "avif":
        avif = AvifEncoder(Raster(source), effort, is_screen_content=False, is_colourful=False).encode(setting).data
        return avif, decoded_avif(avif)
    jxl = JxlEncoder(Raster(source), effort, is_screen_content=False).encode(setting).data
    return jxl, np.ascontiguousarray(decoded_jxl(jxl)[:, :, :3])


def cells(curves: dict[int, dict[str, report.Curves]], effort: int) -> list[str]:
    """Percent of bytes more or fewer than the first effort takes, at its rates of the scores, by each judge."""
    found, base = [], curves[next(iter(curves))]
    for score in report.SCORES:
        for judge in base:
            (of_first,), (of_this,) = base[judge].values(), curves[effort][judge].values()
            rates = {one: report.bits_at(curve, score) for one, curve in next(iter(base[SCORE].values())).items()}
            changes = [
                report.bits_at(of_this[one], report.value_at(of_first[one], rate)) / rate - 1
                for one, rate in rates.items()
            ]
            known = [change for change in changes if not math.isnan(change)]
            found.append(f"{100 * statistics.median(known):+.1f}" if known else "-")
    return found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
