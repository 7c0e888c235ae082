"""A program that decodes files one by one, each in a forked child with the memory and the time of its budget.

Usage: hostile_decoder.py FILE... It prints one JSON line a file: what became of it. Run by test_hostile.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.facts import Limits
from leanpix.engine.reading.decode import load
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget

CPU_S = 10
PROBE_BYTES = 256 << 20


def outcome_of(path: Path) -> dict[str, object]:
    """Decode a file in a child and tell how the child ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.write(writing, json.dumps(_decoded(path)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(said) if said else {"died": os.waitstatus_to_exitcode(status)}


def _decoded(path: Path) -> dict[str, object]:
    source = path.read_bytes()
    limits = Limits()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    signal.alarm(4 * CPU_S)
    began = time.process_time()
    try:
        _limit_memory(PROBE_BYTES)
        found = probe(source, limits)
        budget = resource_budget(found, CompressionOptions(format=OutputFormat.WEBP))
        resource.setrlimit(resource.RLIMIT_AS, (budget.address_bytes, resource.RLIM_INFINITY))
        picture = load(source, found, CompressionOptions(), found.format.kept_in(OutputFormat.WEBP), limits)
    except TaskFailure as failure:
        return {"state": int(failure.state), "cpu_s": time.process_time() - began}
    size = [picture.width_px, picture.height_px]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"state": 1, "size": size, "cpu_s": time.process_time() - began, "peak_mb": peak}


def _limit_memory(more_bytes: int) -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more_bytes, hard))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.write(json.dumps({"file": Path(name).name, **outcome_of(Path(name))}) + "\n")
