"""Kills and stops under load."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from tests.support.crowd import Crowd, books_of, key_id_of, states_of
from tests.support.pictures import encoded, gradient
from tests.support.processes import decoders_of, zygotes_of
from tests.support.server import Server, running_server, start_server
from tests.torture.figures import Figures

KILLS, STOPS, CREDITS, GRACE_S = 50, 20, 1_000_000, 3
_SETTINGS = {
    "heartbeat_s": "0.3",
    "stale_s": "1.2",
    "shutdown_grace_s": str(GRACE_S),
    "queue_max_per_key": "40",
}


def torture_crashes(folder: Path, figures: Figures) -> None:
    sources = [encoded(gradient(side, side)) for side in (64, 300, 900)] + [encoded(gradient(200, 200), "PNG")]
    _kills(folder / "kills" / "data", sources, figures)
    _stops(folder / "stops" / "data", [*sources, encoded(gradient(3000, 2000))], figures)


def _kills(data_dir: Path, sources: list[bytes], figures: Figures) -> None:
    chance = random.Random(50)  # noqa: S311 - the same moments at every run
    killed: Counter[str] = Counter()
    server = start_server(data_dir, **_SETTINGS)
    key = server.new_key(credits=CREDITS, qps=1000)
    crowd = Crowd(key, sources)
    crowd.start(server)
    for number in range(KILLS):
        time.sleep(chance.uniform(0.1, 1.0))
        what = ("server", "decoder", "server", "zygote", "server")[number % 5]
        killed[what] += _kill(server, what)
        if what == "server":
            crowd.stop()
            server.process.wait()
            server = start_server(data_dir, key=server.key, **_SETTINGS)
            crowd.start(server)
    crowd.stop()
    states = states_of(server, key, crowd.accepted, within_s=300)
    server.kill()
    _judge(f"SIGKILL under load of {dict(killed)}", data_dir, key, states, figures)


def _kill(server: Server, what: str) -> int:
    found = {"server": [server.process.pid], "zygote": zygotes_of(server.process.pid)}
    pids = found.get(what) or decoders_of(server.process.pid) or zygotes_of(server.process.pid)
    for pid in pids[:1]:
        os.kill(pid, signal.SIGKILL)
    return len(pids[:1])


def _stops(data_dir: Path, sources: list[bytes], figures: Figures) -> None:
    slowest = 0.0
    key, accepted, owner = "", set[str](), ""
    for number in range(STOPS):
        server = start_server(data_dir, key=owner, **_SETTINGS)
        owner, key = server.key, key or server.new_key(credits=CREDITS, qps=1000)
        crowd = Crowd(key, sources, seed=number + 1)
        crowd.start(server)
        time.sleep(0.3 + number / 20)
        server.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        try:
            server.process.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
        slowest = max(slowest, time.monotonic() - began)
        crowd.stop()
        accepted |= crowd.accepted
    section = f"SIGTERM under load, {STOPS} times, grace {GRACE_S} s"
    figures.add(section, "slowest exit", f"{slowest:.1f} s", good=slowest < GRACE_S + 3)
    with running_server(data_dir, key=owner, **_SETTINGS) as server:
        states = states_of(server, key, accepted, within_s=300)
    _judge(section, data_dir, key, states, figures)


def _judge(section: str, data_dir: Path, key: str, states: dict[str, int | None], figures: Figures) -> None:
    counts = Counter(states.values())
    lost = counts.pop(None, 0)
    figures.add(section, "tasks answered with an id", len(states))
    figures.add(section, "lost or stuck", lost, good=lost == 0)
    figures.add(section, "states", ", ".join(f"{count} x {state}" for state, count in counts.most_common()))
    books = books_of(data_dir, key_id_of(key), CREDITS)
    figures.add(section, "charged twice", books.double, good=books.double == 0)
    figures.add(section, "books", books, good=books.are_right)
