"""What the largest pictures cost: bytes, processor time and peak memory of the engine, one fresh process a case.

Pictures are made on the spot, or given by path. Processor time is the operating system's own, the memory VmHWM in the
environment that the worker's children have.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from service import photo_file

from leanpix.worker.children.environment import FIXED_ENVIRONMENT

RUN = """
import json, re, sys, time
from pathlib import Path
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
source, asked = Path(sys.argv[1]).read_bytes(), json.loads(sys.argv[2])
options = CompressionOptions(**asked | {"format": OutputFormat(asked["format"])})
began = time.process_time()
done = compress(source, options)
spent = time.process_time() - began
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
report = done.report
score = "" if report.score is None else f"{report.score:.1f}"
print(f"{len(done.data)} | {spent:.1f} | {peak} | {score} | {report.encodes} | {report.encoder}")
"""
SIDE_PX = 8000
MOST_BYTES = (600_000, 2_400_000, 9_600_000)


def main() -> int:
    """Run every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", type=Path, help="instead of those made here")
    arguments = parser.parse_args()
    print("| source | to | bytes | CPU s | peak MB | score | encodes | encoder |\n|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for picture in arguments.pictures or made(Path(folder)):
            for kind in ("jpg", "webp", "png"):
                sized = [] if kind == "png" else [{"max_bytes": size} for size in MOST_BYTES]
                for goal in ({"quality": 80}, {}, *sized):
                    row(picture, {"format": kind, **goal})
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    return 0


def row(picture: Path, asked: dict[str, object]) -> None:
    """One case."""
    environment = {"PATH": os.environ["PATH"], **FIXED_ENVIRONMENT}
    command = [sys.executable, "-c", RUN, str(picture), json.dumps(asked)]
    found = subprocess.run(command, text=True, env=environment, capture_output=True, check=False)
    told = found.stdout.strip() or f"failed: {found.stderr.strip().splitlines()[-1]}"
    wanted = ", ".join(str(value) for value in asked.values())
    print(f"| {picture.name} | {wanted} | {told} |", flush=True)


def made(folder: Path) -> list[Path]:
    """A photograph as JPEG, and one cut out by a soft ellipse as PNG."""
    photo = photo_file(folder / "photo.jpg", SIDE_PX, SIDE_PX)
    rows, columns = np.mgrid[-1 : 1 : SIDE_PX * 1j, -1 : 1 : SIDE_PX * 1j].astype(np.float32)
    alpha = np.clip((0.8 - np.hypot(rows, columns)) * 2000, 0, 255).astype(np.uint8)
    small = Image.open(photo).reduce(16).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    small.putalpha(Image.fromarray(alpha))
    small.save(folder / "cut-out.png", compress_level=3)
    return [photo, folder / "cut-out.png"]


if __name__ == "__main__":
    raise SystemExit(main())
