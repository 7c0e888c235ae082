"""A set of three widths in three formats through the API, beside the sum of its encodes and nine single requests.

Processor time by turns: of the server's whole family of processes for what comes by the API, of this process for the
encodes alone, each from a picture that has its size already. The photograph is brought to 12 megapixels first.
Usage: bench/sets.py [--turns 5] [PICTURE ...]
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pyvips
from bench.processor_time import family_cpu_s
from PIL import Image
from tests.support.corpus import CORPUS
from tests.support.server import API, Server, running_server

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.worker.children.environment import FIXED_ENVIRONMENT

WIDTHS = (400, 800, 1600)
FORMATS = (OutputFormat.AVIF, OutputFormat.WEBP, OutputFormat.JPG)
PIXELS = 12_000_000
GOALS: dict[str, int | None] = {"automatic": None, "quality 75": 75}
TARGET_SCORE = 75


class Turn(NamedTuple):
    """Processor seconds of the set, of its encodes alone, of as many requests."""

    set_s: float
    encodes_s: float
    requests_s: float


def at_12_megapixels(path: Path) -> bytes:
    picture = pyvips.Image.new_from_file(str(path))
    scaled = picture.resize((PIXELS / (picture.width * picture.height)) ** 0.5)
    return bytes(scaled.jpegsave_buffer(Q=92))


def by_the_server(server: Server, source: bytes, **fields: str) -> float:
    """What the server's processes take for a request, in seconds."""
    before = family_cpu_s(server.process.pid)
    with server.client() as client:
        answer = client.post(API, data={"sync": "1", **fields}, files={"image_file": source}, timeout=120).json()
    if answer["data"]["state"] != 1:
        raise SystemExit(f"{fields}: {answer['message']}")
    time.sleep(0.2)  # what is done behind the answer, and the end of the child
    return family_cpu_s(server.process.pid) - before


def alone(sized: bytes, options: CompressionOptions) -> float:
    """What an encode takes of a picture in its size, in seconds: with reading a BMP, which is next to nothing."""
    before = time.process_time()
    compress(sized, options)
    return time.process_time() - before


def turn(server: Server, source: bytes, sizes: dict[int, bytes], quality: int | None) -> Turn:
    goal = {} if quality is None else {"quality": str(quality)}
    widths, formats = ",".join(map(str, WIDTHS)), ",".join(FORMATS)
    set_s = by_the_server(server, source, widths=widths, formats=formats, **goal)
    each: list[tuple[int, OutputFormat]] = [(width, form) for width in WIDTHS for form in FORMATS]
    encodes_s = sum(
        alone(
            sizes[width],
            CompressionOptions(format=form, quality=quality, target_score=None if quality else TARGET_SCORE),
        )
        for width, form in each
    )
    requests_s = sum(by_the_server(server, source, width=str(width), format=form.value, **goal) for width, form in each)
    return Turn(set_s, encodes_s, requests_s)


def sized(source: bytes, width: int) -> bytes:
    made = pyvips.Image.thumbnail_buffer(source, width, height=1 << 20)
    written = io.BytesIO()
    Image.fromarray(made.numpy()).save(written, "BMP")
    return written.getvalue()


def measured(path: Path, turns: int) -> None:
    source = at_12_megapixels(path)
    sizes = {width: sized(source, width) for width in WIDTHS}
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "data", result_cache="off") as server:
        turn(server, source, dict.fromkeys(WIDTHS, sizes[WIDTHS[0]]), 75)  # what is loaded once
        for name, quality in GOALS.items():
            made = [turn(server, source, sizes, quality) for _ in range(turns)]
            middle = Turn(*(statistics.median(column) for column in zip(*made, strict=True)))
            ratio = statistics.median(one.set_s / one.encodes_s for one in made)
            shown = f"set {middle.set_s:.2f} s  encodes {middle.encodes_s:.2f} s  requests {middle.requests_s:.2f} s"
            print(f"{path.name}  {name}: {shown}  set / encodes {ratio:.2f}", flush=True)


def main() -> None:
    if not FIXED_ENVIRONMENT.items() <= os.environ.items():  # libraries read it when they are loaded
        again = [sys.executable, "-m", "bench.sets", *sys.argv[1:]]
        os.execve(again[0], again, os.environ | FIXED_ENVIRONMENT)  # noqa: S606 - this very program
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", type=Path, default=[CORPUS / "a_Q_demo-large-photo.jpg"])
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    for picture in given.pictures:
        measured(picture, given.turns)


if __name__ == "__main__":
    main()
