"""What an ordinary key can do to others, and to the server's memory: each attack by itself, then all at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from tests.support import attacks
from tests.support.attacks import MemoryWatch, apart, latencies_ms, p95
from tests.support.ledger import Book, success
from tests.support.processes import memory_mb
from tests.support.server import Server, free_port, running_server
from tests.torture.figures import Figures

from leanpix.queues.signals import LocalSignals
from leanpix.service.execute import record
from leanpix.service.maintain import Sweeper
from leanpix.stores.files.blobs import LocalBlobs

_REQUESTS, _WORST_MB, _ENOUGH_MS, _FACTOR = 60, 400, 300, 2
_SWEPT, _SWEPT_A_SECOND = 20_000, 2000
_ATTACKS: dict[str, Callable[[Server, str], AbstractContextManager[None]]] = {
    "bodies": attacks.bodies,
    "readers": attacks.readers,
    "slow sources": attacks.slow_sources,
    "batches": attacks.archives,
    "dear pictures": attacks.dear_pictures,
}
_WHAT = {
    "bodies": f"{attacks.HALF_SENT} half-sent JSON bodies, and 27 MB of escapes again and again",
    "readers": f"{attacks.READERS} slow readers of a result of 18.7 MB",
    "slow sources": f"four sources at 18 KB/s by themselves, and a batch of {attacks.SLOW_URLS}",
    "batches": "ZIP bombs and archives of 300 pictures, one after the other",
    "dear pictures": "64 x 64 enlarged to 8000 x 8000, as many as are taken",
}


def torture_attacks(folder: Path, figures: Figures) -> None:
    for name, attack in _ATTACKS.items():
        with figures.part(name), running_server(folder / name / "data", **_settings()) as server:
            _beside(server, name, attack, figures)
    with figures.part("mix"), running_server(folder / "mix" / "data", **_settings()) as server:
        _mix(server, figures)
    with figures.part("sweeping"):
        _sweeping(folder / "sweeping", figures)


def _settings() -> dict[str, str]:
    """Fetching is allowed from a port of this machine, for the slow source."""
    return {"fetch_allow_nets": "127.0.0.0/8", "fetch_ports": str(free_port())}


def _beside(
    server: Server, name: str, attack: Callable[[Server, str], AbstractContextManager[None]], figures: Figures
) -> None:
    key, other = server.new_key(qps=1000), server.new_key(qps=1000)
    latencies_ms(server, other, 5)
    alone, before = p95(latencies_ms(server, other, _REQUESTS)), memory_mb(server.process.pid)
    with apart(attack, server, key), MemoryWatch(server.process.pid) as watch:
        beside = p95(latencies_ms(server, other, _REQUESTS))
    section = f"attack: {_WHAT[name]}"
    told = f"{alone:.0f} ms alone, {beside:.0f} ms beside it"
    figures.add(section, "another key's p95 of a small picture", told, good=beside <= max(_FACTOR * alone, _ENOUGH_MS))
    told = f"{before:.0f} MB before, {watch.most_mb:.0f} MB at most"
    figures.add(section, "the server's private memory", told, good=watch.most_mb <= _WORST_MB)


def _mix(server: Server, figures: Figures) -> None:
    other = server.new_key(qps=1000)
    with ExitStack() as running:
        for attack in _ATTACKS.values():
            running.enter_context(apart(attack, server, server.new_key(qps=1000)))
        watch = running.enter_context(MemoryWatch(server.process.pid))
        taken = latencies_ms(server, other, _REQUESTS)
    section = "all attacks at once, each by a key of its own"
    figures.add(
        section, "the server's private memory at most", f"{watch.most_mb:.0f} MB", good=watch.most_mb <= _WORST_MB
    )
    figures.add(section, "another key's p95 of a small picture", f"{p95(taken):.0f} ms")


def _sweeping(folder: Path, figures: Figures) -> None:
    """Expired tasks with their files, removed by one sweeper."""
    folder.mkdir(parents=True)
    book, blobs = Book(folder / "test.db"), LocalBlobs(folder / "files", 0, sync=False)
    book.account(credit=None)
    for _ in range(_SWEPT // 500):
        with book.database.transaction() as change:
            for _ in range(500):
                task = change.tasks.claim(book.new_task(change), "me", 2.0)
                assert task is not None
                record(change, task, success(task), 3.0)
                blobs.put(f"results/{task.id}/{task.id}-1.jpg", b"result")
    sweeper = Sweeper(book.database, blobs, LocalSignals(), 3600, 3600, 3600, time.time, time.monotonic, ledger_s=86400)
    swept, began, cpu_began = 0, time.monotonic(), time.process_time()
    while (now := sweeper.sweep()) or sweeper.has_more:
        swept += now
    a_second = swept / (time.monotonic() - began)
    a_cpu_second = swept / (time.process_time() - cpu_began)
    section = f"{_SWEPT} expired tasks with their results"
    figures.add(section, "removed a second", f"{a_second:.0f}", good=a_second >= _SWEPT_A_SECOND)
    figures.add(section, "removed a second of processor time", f"{a_cpu_second:.0f}")
    left = sum(1 for path in (folder / "files").rglob("*") if path.is_file())
    figures.add(section, "files left", left, good=left == 0 and swept == _SWEPT)
