"""Milliseconds that a killable, locked child adds to a job, in the two shapes it could have.

zygote: CompressorPool, a fresh child a job, forked warm, with the source in a file as the store keeps it. persistent: a
spawned child, locked once by the same code, that takes job after job over a socket. Each is compared with the same
function called in this process on bytes that it has.

    python bench/pool.py [--rounds N] [PICTURE...]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile

from leanpix.bootstrap.allocator import keep_freed_memory
from leanpix.domain.request import CompressionOptions
from leanpix.worker.children.pool import ENGINE_JOB, CompressorPool
from leanpix.worker.children.zygote import ENGINE_MODULES, load_job, prepare
from leanpix.worker.sandbox.locking import Confinement, lock, sandbox_rules
from leanpix.worker.settings import WorkerSettings

JOBS = Path(__file__).parent / "jobs"
NOTHING = "pool_jobs:nothing"
OPTIONS = CompressionOptions(quality=80)
LENGTHS = struct.Struct("<QQ")

Run = Callable[[], int]


@contextmanager
def in_process(job: str, source: bytes) -> Iterator[Run]:
    function = load_job(job)
    yield lambda: len(function(source, OPTIONS).data)


@contextmanager
def zygote(job: str, source: bytes) -> Iterator[Run]:
    environment = {**os.environ, "PYTHONPATH": str(JOBS)}
    with CompressorPool(WorkerSettings(), job=job, environment=environment) as pool, TemporaryFile() as file:
        file.write(source)
        file.flush()
        yield lambda: len(pool.run(file, OPTIONS, timeout_s=60).data)


@contextmanager
def persistent(job: str, source: bytes) -> Iterator[Run]:
    ours, theirs = socket.socketpair()
    environment = {**os.environ, "PYTHONPATH": str(JOBS), "VIPS_CONCURRENCY": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment |= {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "VIPS_DISC_THRESHOLD": "1000g"}
    command = [sys.executable, __file__, "--serve", str(theirs.fileno()), job]
    child = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
    theirs.close()

    def run() -> int:
        ours.sendall(LENGTHS.pack(len(source), 0) + source)
        data, report = received(ours.fileno())
        json.loads(report)
        return len(data)

    with ours:
        yield run
    child.kill()
    child.wait()


def serve(descriptor: int, job: str) -> None:
    """The persistent child: locked once, then one job after the other."""
    function = load_job(job)
    for module in ENGINE_MODULES:
        prepare(module)
    lock(Confinement(memory_bytes=4 << 30, cpu_s=3600, file_bytes=128 << 20), sandbox_rules(layers=True))
    while True:
        source, _ = received(descriptor)
        done = function(source, OPTIONS)
        report = json.dumps(asdict(done.report)).encode()
        sent(descriptor, LENGTHS.pack(len(done.data), len(report)) + done.data + report)


def received(descriptor: int) -> tuple[bytes, bytes]:
    first, second = LENGTHS.unpack(exactly(descriptor, LENGTHS.size))
    return exactly(descriptor, first), exactly(descriptor, second)


def exactly(descriptor: int, size: int) -> bytes:
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        count = os.readv(descriptor, [view])
        if not count:
            raise SystemExit
        view = view[count:]
    return bytes(buffer)


def sent(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


SHAPES = {"in process": in_process, "zygote": zygote, "persistent": persistent}


def measure(job: str, source: bytes, rounds: int) -> dict[str, tuple[float, float]]:
    """Median and 95th percentile in ms of each shape, the rounds of all shapes taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in SHAPES}
    with in_process(job, source) as here, zygote(job, source) as forked, persistent(job, source) as kept:
        runs = dict(zip(SHAPES, (here, forked, kept), strict=True))
        for run in runs.values():
            run()
        for _ in range(rounds):
            for name, run in runs.items():
                began = time.perf_counter()
                run()
                times[name].append((time.perf_counter() - began) * 1000)
    return {name: (statistics.median(t), statistics.quantiles(t, n=20)[-1]) for name, t in times.items()}


def show(title: str, results: dict[str, tuple[float, float]]) -> None:
    base50, base95 = results["in process"]
    print(f"{title:<34} {base50:8.1f} {base95:8.1f}", end="")
    for name in ("zygote", "persistent"):
        p50, p95 = results[name]
        print(f" {p50 - base50:8.1f} {p95 - base95:8.1f}", end="")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--serve", nargs=2, metavar=("FD", "JOB"))
    parser.add_argument("pictures", nargs="*", type=Path)
    arguments = parser.parse_args()
    sys.path.insert(0, str(JOBS))
    if arguments.serve:
        return serve(int(arguments.serve[0]), arguments.serve[1])
    keep_freed_memory()  # as every process does that has a pool
    print(f"{'ms':<34} {'in process':>17} {'zygote adds':>17} {'persistent adds':>17}")
    print(f"{'':<34}" + f" {'p50':>8} {'p95':>8}" * 3)
    sizes = {"1 KB in, nothing done": 1 << 10} | {f"{mb} MB, a third of it out": mb << 20 for mb in (1, 4, 10, 20)}
    for title, size in sizes.items():
        show(title, measure(NOTHING, b"\xff" * size, arguments.rounds))
    for picture in arguments.pictures:
        show(picture.name[:34], measure(ENGINE_JOB, picture.read_bytes(), max(10, arguments.rounds // 5)))
    return None


if __name__ == "__main__":
    main()
