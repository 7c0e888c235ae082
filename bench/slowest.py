"""Where the engine takes long beside sharp: its slowest answers by ratio, and what repacking takes. A table.

    make bench-slowest PICTURES="a.png b.jpg"     # or folders

Processor time of one engine call and of sharp's on the same file, by turns, the least of each; sharp at its own quality
of 80 in the format that the engine's answer has. Without sharp there are no ratios.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine_peers import PEERS_FOLDER, sharp

from leanpix.domain.errors import TaskFailure
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.codecs import codec_for
from leanpix.engine.codecs.base import Encoded

SETTINGS = {
    "jpg q80": CompressionOptions(format=OutputFormat.JPG, quality=80),
    "webp q80": CompressionOptions(format=OutputFormat.WEBP, quality=80),
    "png q80": CompressionOptions(format=OutputFormat.PNG, quality=80),
    "automatic": CompressionOptions(),
    "webp automatic": CompressionOptions(format=OutputFormat.WEBP),
}
_SHARP = {
    OutputFormat.JPG: sharp("jpeg"),
    OutputFormat.WEBP: sharp("webp"),
    OutputFormat.PNG: sharp("png", palette=True),
}
_LEAST_S = 0.02
"""What sharp's time is taken for at least: below, a call's fixed costs are compared."""


@dataclass(slots=True)
class Row:
    """One picture at one setting: seconds of processor time of the engine, of its repacking, and of sharp."""

    picture: str
    setting: str
    engine_s: float
    repack_s: float
    engine_bytes: int
    encodes: int
    sharp_s: float = 0.0
    sharp_bytes: int = 0

    @property
    def ratio(self) -> float:
        """Of the engine's time to sharp's; 0: there is none."""
        return self.engine_s / max(self.sharp_s, _LEAST_S) if self.sharp_s else 0.0


class Repacking:
    """Adds up the processor time of packing sources' own files anew."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        for kind in (type(codec_for(one)) for one in _SHARP):
            setattr(kind, "repack", self._timed(kind.repack))  # noqa: B010 - of each class, whatever its type

    def _timed(self, repack: Callable[..., Encoded | None]) -> Callable[..., Encoded | None]:
        def timed(*given: Any, **named: Any) -> Encoded | None:  # noqa: ANN401 - whatever it takes
            began = time.process_time()
            try:
                return repack(*given, **named)
            finally:
                self.spent_s += time.process_time() - began

        return timed


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worst", type=int, default=10, help="rows of the table")
    arguments = parser.parse_args()
    rows, repacking = list[Row](), Repacking()
    for path in _files(arguments.pictures):
        rows += _measured(path, repacking, arguments.rounds)
    _print(rows, arguments.worst)
    return 0


def _files(given: Sequence[Path]) -> Iterator[Path]:
    for path in given:
        yield from sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]


def _measured(path: Path, repacking: Repacking, rounds: int) -> Iterator[Row]:
    source = path.read_bytes()
    for setting, options in SETTINGS.items():
        least: Row | None = None
        for _ in range(rounds):
            packed_s, began = repacking.spent_s, time.process_time()
            try:
                made = compress(source, options)
            except TaskFailure:
                break  # no picture that is read here
            spent = time.process_time() - began
            row = Row(
                *(path.name, setting, spent, repacking.spent_s - packed_s),
                *(made.report.result_bytes, made.report.encodes),
            )
            if least is not None:
                row.sharp_s, row.sharp_bytes = least.sharp_s, least.sharp_bytes
            _beside(row, path, OutputFormat.of(made.data))
            least = row if least is None or row.engine_s < least.engine_s else least
            least.sharp_s, least.sharp_bytes = row.sharp_s, row.sharp_bytes
        if least is not None:
            yield least


def _beside(row: Row, path: Path, kind: OutputFormat | None) -> None:
    """The least of sharp's times so far, where it is installed and reads the file."""
    encode = None if kind is None else _SHARP.get(kind)
    if encode is None or not (PEERS_FOLDER / "node_modules" / "sharp").is_dir():
        return
    try:
        made = encode(path, 80)
    except (OSError, RuntimeError, ValueError, subprocess.CalledProcessError):
        return
    row.sharp_s = min(made.cpu_s, row.sharp_s or made.cpu_s)
    row.sharp_bytes = len(made.data)


def _print(rows: Sequence[Row], worst: int) -> None:
    print("| setting | pictures | engine, s | sharp, s | repacking |\n|---|---|---|---|---|")
    for setting in SETTINGS:
        those = [row for row in rows if row.setting == setting]
        engine_s, sharp_s = sum(row.engine_s for row in those), sum(row.sharp_s for row in those)
        share = sum(row.repack_s for row in those) / engine_s if engine_s else 0.0
        print(f"| {setting} | {len(those)} | {engine_s:.1f} | {sharp_s:.1f} | {share:.1%} |")
    print("\n| slowest beside sharp | setting | engine, s | sharp, s | times | bytes | sharp's | encodes |")
    print("|---|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: -row.ratio)[:worst]:
        print(
            f"| {row.picture} | {row.setting} | {row.engine_s:.2f} | {row.sharp_s:.2f} | {row.ratio:.1f} "
            f"| {row.engine_bytes:,} | {row.sharp_bytes:,} | {row.encodes} |"
        )
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    raise SystemExit(main())
