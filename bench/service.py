"""What the service costs on top of the engine: whole requests, queries, memory. Writes a table to standard output.

Processor time is the operating system's own (of the server and of every child it reaped), so that the ratios hold on
a busy machine. Pictures are made on the spot; photographs given by path are measured too, tiled to each size, for the
made-up one's colours lie all over and its grain is none that a camera leaves.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import math
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from multiprocessing import get_context
from multiprocessing.synchronize import Event, Semaphore
from pathlib import Path
from typing import Self

import httpx
import numpy as np
from PIL import Image

API = "/api/tasks/visual/imgcompress"
LEANPIX = Path(sys.executable).with_name("leanpix")
TICKS = os.sysconf("SC_CLK_TCK")
# One call for each line that comes in, so that it can take turns with requests while the machine's speed wanders.
ENGINE = """
import re, sys, time
from pathlib import Path
from leanpix.domain.request import CompressionOptions
from leanpix.domain.formats import OutputFormat
from leanpix.engine import compress
source = Path(sys.argv[1]).read_bytes()
options = CompressionOptions(format=OutputFormat(sys.argv[2]), quality=int(sys.argv[3]))
compress(source, options)  # imports, first use
for _ in sys.stdin:
    began = time.process_time()
    compress(source, options)
    spent = time.process_time() - began
    # VmHWM, not ru_maxrss: that one is inherited from the process that started this one.
    print(spent, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], flush=True)
"""
ENGINE_ENVIRONMENT = {"VIPS_CONCURRENCY": "1", "OPENBLAS_NUM_THREADS": "1"}
Row = tuple[str, str, str]


def main() -> int:
    """Run every measurement and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", nargs="*", type=Path, help="real ones of one size, beside the made-up one")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of each ratio")
    megapixels = [1, 4, 16, 64]
    parser.add_argument(
        "--megapixels",
        nargs="*",
        type=int,
        default=megapixels,
        help="sizes of the pictures that the engine alone is measured on",
    )
    parser.add_argument("--queries", type=int, default=8000, help="GET requests in all")
    arguments = parser.parse_args()
    print("| measured | figure | bar |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        made, given = partial(photo_file, Path(folder) / "made.jpg"), partial(tiled_file, Path(folder) / "tiled.jpg")
        rows = [service_rows(Path(folder), arguments), size_rows("made up", made, arguments.megapixels)]
        if arguments.photographs:
            rows.append(size_rows("given, tiled", partial(given, arguments.photographs), arguments.megapixels))
        for row in chain.from_iterable(rows):
            print("| " + " | ".join(row) + " |", flush=True)
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    return 0


def service_rows(folder: Path, arguments: argparse.Namespace) -> list[Row]:
    """What a running server costs: at rest, for whole requests, for queries."""
    photo = photo_file(folder / "3mp.jpg", 2048, 1536)
    with Server(folder / "data") as server:
        time.sleep(2)
        at_rest = server.resident_mb()
        with bare_engine(photo, "jpg", 80) as engine:
            ratios = [request_ratio(server, photo, engine) for _ in range(arguments.rounds)]
        queries = query_rate(server, photo, arguments.queries)
    overhead = f"{statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
    return [
        ("API process at rest", f"{at_rest:.0f} MB", "< 150 MB"),
        ("sync request of a 3 MP JPEG at q80, processor time against the bare engine call", overhead, "<= 1.25 x"),
        ("GET of a finished task, 8 clients, one API process", queries, ">= 1,000/s"),
    ]


def size_rows(photograph: str, made: Callable[[int, int], Path], sizes: Sequence[int]) -> Iterator[Row]:
    """The engine's processor time per megapixel and its memory, by size, on a photograph made for each."""
    for kind in ("jpg", "webp", "png") if sizes else ():
        spent, peak = {}, 0.0
        for megapixels in sizes:
            side = math.isqrt(megapixels * 1_000_000)
            seconds, kilobytes = engine_run(made(side, side), kind, 80, max(1, 32 // megapixels))
            spent[megapixels], peak = 1000 * seconds / megapixels, kilobytes / 1024
        per_mp = ", ".join(f"{megapixels} MP: {ms:.0f}" for megapixels, ms in spent.items())
        what = f"{kind.upper()} at q80, photographs {photograph}"
        yield f"{what}, ms of processor time per megapixel", per_mp, "constant within 25 %"
        yield f"{what}, peak memory at {max(sizes)} MP", f"{peak:.0f} MB", "< 700 MB at 64 MP"


class Server:
    """A server process of its own, with two workers."""

    def __init__(self, data_dir: Path) -> None:
        self.port = free_port()
        output = data_dir.with_suffix(".log")
        command = [LEANPIX, "serve", "--port", str(self.port), "--data-dir", data_dir, "--workers", "2"]
        with output.open("wb") as log:
            worked_on = os.environ | {"LEANPIX_RESULT_CACHE": "off"}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=worked_on)
        wait_until(self.answers)
        create = [LEANPIX, "keys", "create", "--name", "bench", "--qps", "100000", "--json", "--data-dir", data_dir]
        self.key: str = json.loads(subprocess.check_output(create))["key"]
        self.url = f"http://127.0.0.1:{self.port}{API}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        self.process.wait(60)

    def answers(self) -> bool:
        """Whether requests are served."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def resident_mb(self) -> float:
        """The API process's own memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024

    def processor_s(self) -> float:
        """Seconds of processor time of the server, its children, and theirs."""
        return sum(processor_fields(pid, 4) for pid in family(self.process.pid))

    def own_processor_s(self) -> float:
        """Seconds of processor time of the API process alone."""
        return processor_fields(self.process.pid, 2)

    def compress(self, client: httpx.Client, content: bytes) -> str:
        """One whole sync request; the task's id."""
        fields = {"sync": "1", "quality": "80"}
        data = client.post(self.url, data=fields, files={"image_file": content}).json()["data"]
        if data["state"] != 1:
            raise RuntimeError(f"a request failed: {data}")
        return str(data["task_id"])

    def client(self) -> httpx.Client:
        """A client with the bench's key."""
        return httpx.Client(headers={"X-API-KEY": self.key}, trust_env=False, timeout=120)


def request_ratio(server: Server, photo: Path, engine: Callable[[], tuple[float, int]], requests: int = 20) -> float:
    """Processor time of whole requests over that of as many bare engine calls on the same file, by turns."""
    content = photo.read_bytes()
    with server.client() as client:
        server.compress(client, content)
        before, bare_s = server.processor_s(), 0.0
        for _ in range(requests):
            server.compress(client, content)
            bare_s += engine()[0]
        return (server.processor_s() - before) / bare_s


@contextmanager
def bare_engine(file: Path, kind: str, quality: int) -> Iterator[Callable[[], tuple[float, int]]]:
    """One engine call each time it is asked, in one process that has done it before.

    Gives its seconds of processor time, and the process's peak memory in kB.
    """
    command = [sys.executable, "-c", ENGINE, file, kind, str(quality)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ENGINE_ENVIRONMENT
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without the pipes that were asked for")
        asked, answered = process.stdin, process.stdout

        def call() -> tuple[float, int]:
            asked.write("\n")
            asked.flush()
            seconds, kilobytes = answered.readline().split()
            return float(seconds), int(kilobytes)

        yield call
        asked.close()


def query_rate(server: Server, photo: Path, queries: int, clients: int = 8) -> str:
    """Queries a second with keep-alive clients in processes of their own, and per second of the API's own time."""
    with server.client() as client:
        task_id = server.compress(client, photo.read_bytes())
    context = get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    work = (server.port, server.key, task_id, queries // clients, (ready, go))
    children = [context.Process(target=ask_many, args=work) for _ in range(clients)]
    for child in children:
        child.start()
    for _ in children:
        ready.acquire()
    before, began = server.own_processor_s(), time.monotonic()
    go.set()
    for child in children:
        child.join()
    elapsed, spent = time.monotonic() - began, server.own_processor_s() - before
    return f"{queries / elapsed:.0f}/s here, {queries / spent:.0f} a second of its processor time"


def ask_many(port: int, key: str, task_id: str, count: int, gate: tuple[Semaphore, Event]) -> None:
    """One client: a connection kept alive, one query after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    ready, go = gate
    ready.release()
    go.wait()
    for _ in range(count):
        connection.request("GET", f"{API}/{task_id}", headers={"X-API-KEY": key})
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"a query failed: {answer.status}")


def engine_run(file: Path, kind: str, quality: int, runs: int) -> tuple[float, int]:
    """Median seconds of processor time of an engine call, and the peak memory in kB, in a fresh process."""
    with bare_engine(file, kind, quality) as call:
        done = [call() for _ in range(runs)]
    return statistics.median(seconds for seconds, _ in done), done[-1][1]


def photo_file(path: Path, width: int, height: int) -> Path:
    """A made-up photo: smooth shapes with fine grain, as a JPEG of quality 92."""
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(0, 255, (height // 64 + 2, width // 64 + 2, 3), np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    grain = rng.integers(-6, 7, (height, width, 1), np.int8)
    file = io.BytesIO()
    Image.fromarray((pixels.astype(np.int16) + grain).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    path.write_bytes(file.getvalue())
    return path


def tiled_file(path: Path, photographs: Sequence[Path], width: int, height: int) -> Path:
    """Photographs side by side, over and over, as a JPEG of quality 92; all are laid out like the first."""
    tiles = [Image.open(photograph).convert("RGB") for photograph in photographs]
    across, down = tiles[0].size
    whole = Image.new("RGB", (width, height))
    places = [(left, top) for top in range(0, height, down) for left in range(0, width, across)]
    for number, place in enumerate(places):
        tile = tiles[number % len(tiles)]
        turned = tile if (tile.width < tile.height) == (across < down) else tile.transpose(Image.Transpose.ROTATE_90)
        whole.paste(turned, place)
    whole.save(path, "JPEG", quality=92)
    return path


def wait_until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    """Return once the condition holds; TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not start")
        time.sleep(0.05)


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError):  # the thread has ended meanwhile
            found += map(int, file.read_text().split())
    return [pid, *(member for child in found for member in family(child))]


def processor_fields(pid: int, count: int) -> float:
    """Seconds of processor time: the first 2 fields are the process's own, 4 include the children it reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(field) for field in fields[11 : 11 + count]) / TICKS


if __name__ == "__main__":
    raise SystemExit(main())
