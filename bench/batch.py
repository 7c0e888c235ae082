"""Processor seconds of `leanpix compress` over many small pictures, against a bare loop over the engine; memory.

Pictures are crops of the given ones, each once and all different, 300 x 200 pixels at JPEG quality 92. Rounds of both
are taken in turn; processor time counts every process. "bare" is one process that calls the engine for one file after
the other, in libraries held to one thread as the children's are. "start" is the command over one picture: what is
paid once whatever the number. Memory is the highest resident size of the command's largest process at a quarter of the
pictures and at all of them.

    python bench/batch.py [--count N] [--rounds N] PICTURE...
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
from pathlib import Path

from PIL import Image

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


def cpu_s(command: list[str]) -> tuple[float, str]:
    """User and system seconds of a command and all it waited for, and what it said on standard error."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, done.stderr.decode().strip()


def compress(folder: Path, out: Path, *more: str) -> tuple[float, str]:
    words = [str(folder), "-o", str(out), "--json", "--jobs", "1", *more]
    return cpu_s([sys.executable, "-c", PEAK, "compress", *words])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("pictures", nargs="+", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for name, count in (("one", 1), ("few", arguments.count // 4), ("all", arguments.count)):
            make_pictures(root / name, arguments.pictures, count)
        rows = [measure(root, number) for number in range(arguments.rounds)]
        small = int(compress(root / "few", root / "few-out")[1].split()[-1])
    bare, batch, start, isolated = (statistics.median(row[i] for row in rows) for i in range(4))
    result = {
        "pictures": arguments.count,
        "bare_cpu_s": round(bare, 2),
        "batch_cpu_s": round(batch, 2),
        "start_cpu_s": round(start, 2),
        "added_share": round(batch / bare - 1, 3),
        "added_ms_a_picture": round((batch - start - bare) / arguments.count * 1000, 1),
        "isolated_added_share": round(isolated / bare - 1, 3),
        "peak_mb_quarter": small,
        "peak_mb_all": max(int(row[4]) for row in rows),
    }
    print(json.dumps(result, indent=2))


def measure(root: Path, number: int) -> tuple[float, float, float, float, float]:
    """Seconds of the bare loop, of the command, of it over one picture, of it isolated; the command's peak in MB."""
    bare, _ = cpu_s([sys.executable, "-c", BARE, str(root / "all"), str(root / f"bare-{number}")])
    batch, told = compress(root / "all", root / f"batch-{number}")
    start, _ = compress(root / "one", root / f"one-{number}")
    isolated, _ = compress(root / "all", root / f"isolated-{number}", "--isolate")
    return bare, batch, start, isolated, float(told.split()[-1])


if __name__ == "__main__":
    main()
