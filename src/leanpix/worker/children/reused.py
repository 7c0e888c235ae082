"""A process that compresses one picture after the other, locked once: for pictures that all belong to one person.

Started by reused_pool.py as `python -m leanpix.worker.children.reused SANDBOX FD PARENT_PID MEMORY_BYTES`. It takes a
job as two lengths, pickled options and the source; for a picture that may take more than SMALL_BYTES of memory it sends
0 and that number, and waits for a go; it answers with two lengths, JSON and the result, and is never believed
unchecked. It ends with its parent, or when the socket closes.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import signal
import sys
from contextlib import suppress
from dataclasses import fields
from functools import lru_cache

from leanpix.domain.errors import TaskFailure
from leanpix.domain.report import Report
from leanpix.domain.request import CompressionOptions
from leanpix.engine.compress import compress
from leanpix.engine.facts import Limits
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget
from leanpix.worker.children.picture_job import choose_pages
from leanpix.worker.children.wire import EXIT_NO_RESOURCES, GO, LENGTHS, READY, SMALL_BYTES
from leanpix.worker.children.zygote import ENGINE_MODULES, prepare
from leanpix.worker.sandbox.kernel import die_with
from leanpix.worker.sandbox.locking import LAYERS, Confinement, lock, sandbox_rules

# Over all its pictures; each one's time is the parent's to watch.
_CPU_S = 24 * 3600
_REPORTED = tuple(field.name for field in fields(Report))


def main(sandbox: str, descriptor: int, parent_pid: int, memory_bytes: int) -> None:
    """Prepare, lock, say so, serve."""
    die_with(parent_pid, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for module in ENGINE_MODULES:
        prepare(module)
    _let_threads_take_turns()
    gc.collect()
    gc.freeze()  # no collection looks again at what was imported here
    sys.dont_write_bytecode = True  # nothing can be written any more
    required = LAYERS if sandbox == "require" else frozenset[str]()
    lock(Confinement(memory_bytes, _CPU_S, file_bytes=0, required=required), sandbox_rules(layers=sandbox != "off"))
    _send(descriptor, READY)
    try:
        while True:
            _serve(descriptor)
    except MemoryError:
        os._exit(EXIT_NO_RESOURCES)


def _let_threads_take_turns() -> None:
    """A thread that another one wakes does not take its place at once: libvips' threads wake each other all the time.

    130 switches a small picture became 40, and system time a third less. A policy that somebody chose is left.
    """
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        with suppress(OSError):  # it is a matter of speed only
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _serve(descriptor: int) -> None:
    first, second = LENGTHS.unpack(_receive(descriptor, LENGTHS.size))
    options = _options(_receive(descriptor, first))
    source = _receive(descriptor, second)
    answer, data = _answer(source, options, descriptor)
    text = json.dumps(answer, allow_nan=False).encode()
    _send(descriptor, LENGTHS.pack(len(text), len(data)) + text + data)


@lru_cache(maxsize=4)
def _options(packed: bytes) -> CompressionOptions:
    options = pickle.loads(packed)  # noqa: S301 - only the parent holds the other end
    if not isinstance(options, CompressionOptions):
        raise TypeError(f"{type(options).__name__} are no options")
    return options


def _answer(source: bytes, options: CompressionOptions, descriptor: int) -> tuple[object, bytes]:
    limits = Limits()
    try:
        facts = probe(source, limits)
        _await_memory(needed := resource_budget(facts, options).memory_bytes, descriptor)
        choose_pages(needed)
        done = compress(source, options, limits, facts=facts)
    except TaskFailure as failure:
        return {"state": int(failure.state), "text": str(failure)}, b""
    return {"report": {name: getattr(done.report, name) for name in _REPORTED}}, done.data


def _await_memory(needed: int, descriptor: int) -> None:
    if needed > SMALL_BYTES:
        _send(descriptor, LENGTHS.pack(0, needed))
        _receive(descriptor, len(GO))


def _receive(descriptor: int, size: int) -> bytes:
    buffer = bytearray(size)
    rest = memoryview(buffer)
    while rest:
        count = os.readv(descriptor, [rest])
        if not count:
            raise SystemExit
        rest = rest[count:]
    return bytes(buffer)


def _send(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
