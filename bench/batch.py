"""Processor seconds of `leanpix compress` over many small pictures, against a bare loop over the engine; memory.

Pictures are crops of the given ones, each once and all different, 300 x 200 pixels at JPEG quality 92. Rounds of both
are taken in turn, the first of them in each round by turns; processor time counts every process.

"bare" is one process: it starts Python, imports the engine, and for one file after the other reads it, calls the
engine and writes the result. It has the environment that the command gives its children: libraries held to one thread,
the same settings of the allocator and large pages. "plain" is the same loop with the threads held to one and nothing
else set, as somebody would write it who knows nothing of those: one round, with --others.

"batch" is the command with --json and one job: all of its processes, from their start to the end of the last, reading,
digests, journal, writing and the sync at the end included. Both find Python's compiled modules where they are
installed, as pip leaves them; without them each process takes 0.2 s more to start ("compiled" says which it was).
"start" is the command over one picture: what is paid once whatever the number. Memory is the highest resident size of
the command's largest process at a quarter of the pictures and at all of them.

    python bench/batch.py [--count N] [--rounds N] [--others] PICTURE...
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import cache_from_source
from pathlib import Path
from typing import NamedTuple

from PIL import Image

import leanpix
from leanpix.worker.children.environment import FIXED_ENVIRONMENT, LARGE_PAGES

WIDTH, HEIGHT = 300, 200
BARE = """
import sys
from pathlib import Path
from leanpix.domain.request import CompressionOptions
from leanpix.engine.compress import compress
out = Path(sys.argv[2]); out.mkdir()
for path in sorted(Path(sys.argv[1]).iterdir()):
    source = path.read_bytes()
    (out / path.name).write_bytes(compress(source, CompressionOptions()).data)
"""
PEAK = """
import resource, sys
from leanpix.cli import app
try:
    app(sys.argv[1:])
finally:
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(max(own, children) // 1024, file=sys.stderr)
"""


ONE_THREAD = dict.fromkeys(("VIPS_CONCURRENCY", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")


class Round(NamedTuple):
    """Processor seconds of one round, and the command's peak."""

    bare_s: float
    batch_s: float
    start_s: float
    bare_start_s: float
    peak_mb: int


def make_pictures(folder: Path, sources: list[Path], count: int) -> None:
    folder.mkdir()
    chance = random.Random(1)  # noqa: S311 - where pictures are cut out is no secret
    opened = [Image.open(source).convert("RGB") for source in sources]
    for number in range(count):
        picture = opened[number % len(opened)]
        left, top = chance.randrange(picture.width - WIDTH), chance.randrange(picture.height - HEIGHT)
        file = io.BytesIO()
        picture.crop((left, top, left + WIDTH, top + HEIGHT)).save(file, "JPEG", quality=92)
        (folder / f"{number:05}.jpg").write_bytes(file.getvalue())


def cpu_s(command: list[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """User and system seconds of a command and all it waited for, and what it said on standard error."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, done.stderr.decode().strip()


def compress(folder: Path, out: Path, *more: str) -> tuple[float, str]:
    words = [str(folder), "-o", str(out), "--json", "--jobs", "1", *more]
    return cpu_s([sys.executable, "-c", PEAK, "compress", *words], {})


def bare(folder: Path, out: Path, environment: Mapping[str, str] = FIXED_ENVIRONMENT | LARGE_PAGES) -> float:
    return cpu_s([sys.executable, "-c", BARE, str(folder), str(out)], environment)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--others", action="store_true", help="also the plain loop, and a fresh process a picture")
    parser.add_argument("pictures", nargs="+", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for name, count in (("one", 1), ("few", arguments.count // 4), ("all", arguments.count)):
            make_pictures(root / name, arguments.pictures, count)
        rounds = [measure(root, number) for number in range(arguments.rounds)]
        small = int(compress(root / "few", root / "few-out")[1].split()[-1])
        others = {}
        if arguments.others:
            others["plain_cpu_s"] = round(bare(root / "all", root / "plain", ONE_THREAD), 2)
            others["isolated_cpu_s"] = round(compress(root / "all", root / "isolated", "--isolate")[0], 2)
    print(json.dumps(figures(rounds, arguments.count, small) | others, indent=2))


def measure(root: Path, number: int) -> Round:
    """One round; out of a folder that is not there yet into the next, for a file system's free room is not alike."""
    bare_first = bare(root / "all", root / f"bare-{number}") if number % 2 == 0 else None
    batch, told = compress(root / "all", root / f"batch-{number}")
    bare_s = bare_first or bare(root / "all", root / f"bare-{number}")
    start, _ = compress(root / "one", root / f"one-{number}")
    bare_start = bare(root / "one", root / f"bare-one-{number}")
    return Round(bare_s, batch, start, bare_start, int(told.split()[-1]))


def figures(rounds: Sequence[Round], count: int, small_mb: int) -> dict[str, object]:
    """Medians, and every round's share by itself: the spread is part of the result."""
    bare_s, batch, start, bare_start = (statistics.median(r[i] for r in rounds) for i in range(4))
    return {
        "pictures": count,
        "compiled": Path(cache_from_source(leanpix.__file__)).exists(),
        "bare_cpu_s": round(bare_s, 2),
        "batch_cpu_s": round(batch, 2),
        "start_cpu_s": round(start, 2),
        "bare_start_cpu_s": round(bare_start, 2),
        "added_shares": [round(r.batch_s / r.bare_s - 1, 3) for r in rounds],
        "added_share": round(sum(r.batch_s for r in rounds) / sum(r.bare_s for r in rounds) - 1, 3),
        "added_ms_a_picture": round(((batch - start) - (bare_s - bare_start)) / count * 1000, 2),
        "peak_mb_quarter": small_mb,
        "peak_mb_all": max(r.peak_mb for r in rounds),
    }


if __name__ == "__main__":
    main()
