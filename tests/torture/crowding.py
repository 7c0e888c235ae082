"""Floods, idle connections, and ten minutes of ordinary work."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from tests.support.crowd import Crowd, books_of, key_id_of, states_of
from tests.support.pictures import encoded, gradient
from tests.support.processes import descriptors_of, memory_mb, zygotes_of
from tests.support.raw import connected, post_head
from tests.support.server import API, Server, running_server
from tests.torture.figures import Figures

_FORM = "Content-Type: multipart/form-data; boundary=b"


def torture_crowding(folder: Path, figures: Figures) -> None:
    with running_server(folder / "crowd" / "data") as server:
        _balance(server, figures)
        _slow_connections(server, figures)
        _flood(server, figures)


def _balance(server: Server, figures: Figures) -> None:
    key = server.new_key(credits=50, qps=1000)
    picture = encoded(gradient(64, 64))

    def one(_number: int) -> tuple[int, str | None]:
        with server.client(key) as client:
            answer = client.post(API, files={"image_file": picture})
        return answer.status_code, answer.json().get("data", {}).get("task_id")

    with ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(one, range(200)))
    accepted = [task_id for _, task_id in answers if task_id is not None]
    states = states_of(server, key, accepted, within_s=120)
    books = books_of(server.data_dir, key_id_of(key), 50)
    spent = 50 - books.balance
    section = "200 parallel requests on a balance of 50"
    figures.add(section, "statuses", dict(Counter(status for status, _ in answers)))
    done = list(states.values()).count(1)
    figures.add(section, "credits spent, tasks done", f"{spent}, {done}", good=spent == done == 50 and books.are_right)


def _slow_connections(server: Server, figures: Figures) -> None:
    starts = (b"", b"POST / HT", post_head(server, _FORM, "Content-Length: 9999999"))
    with contextlib.ExitStack() as held:
        for number in range(500):
            held.enter_context(connected(server)).sendall(starts[number % 3])
        with server.client() as client:
            health = [_timed(lambda: client.get("/healthz")) for _ in range(50)]
            query = [_timed(lambda: client.get(f"{API}/nothing")) for _ in range(50)]
    slowest = max(health + query) * 1000
    section = "500 idle or half-open connections"
    figures.add(section, "slowest of 100 good requests", f"{slowest:.0f} ms", good=slowest < 200)


def _flood(server: Server, figures: Figures) -> None:
    picture = encoded(gradient(1200, 900))
    modest, flooding = server.new_key("modest", qps=1000), server.new_key("flooding", qps=50)
    alone = _latencies(server, modest, picture)
    crowd = Crowd(flooding, [picture], clients=4)
    crowd.start(server)
    time.sleep(2)
    crowded = _latencies(server, modest, picture)
    crowd.stop()
    section = "key A sends more than it may, key B one request after another"
    figures.add(section, "answers to A", dict(crowd.statuses))
    told = f"{alone[1]:.0f} / {alone[0]:.0f} ms alone, {crowded[1]:.0f} / {crowded[0]:.0f} ms beside A"
    figures.add(section, "B's p50 / p95", told)
    ratio = crowded[0] / alone[0]
    figures.add(section, "B's p95 beside A against alone", f"{ratio:.2f} x", good=ratio <= 2)


def _latencies(server: Server, key: str, picture: bytes) -> tuple[float, float]:
    """p95 and p50 of 60 whole requests, in ms."""
    form = {"sync": "1", "quality": "80"}
    with server.client(key) as client:
        taken = [_timed(lambda: client.post(API, data=form, files={"image_file": picture})) for _ in range(60)]
    return statistics.quantiles(taken, n=20)[-1] * 1000, statistics.median(taken) * 1000


def _timed(request: object) -> float:
    began = time.perf_counter()
    assert callable(request)
    answer = request()
    assert answer.status_code in {200, 404}, answer.text
    return time.perf_counter() - began


def torture_soak(folder: Path, figures: Figures, minutes: float) -> None:
    """Three clients that upload, wait, read results and poll, and a look at the server every few seconds."""
    with running_server(folder / "soak" / "data", retention_s="60") as server:
        key, quiet, done = server.new_key(qps=1000), threading.Event(), Counter[str]()
        clients = [threading.Thread(target=_client, args=(server, key, quiet, done, number)) for number in range(3)]
        for client in clients:
            client.start()
        looks = _watch(server, minutes)
        quiet.set()
        for client in clients:
            client.join()
        log = server.output.read_text()
    _judge_soak(looks, done, log, figures)


def _client(server: Server, key: str, quiet: threading.Event, done: Counter[str], number: int) -> None:
    pictures = [encoded(gradient(300 + 200 * number, 300)), encoded(gradient(200, 200), "PNG"), b"no picture"]
    with server.client(key) as client:
        turn = 0
        while not quiet.is_set():
            form = {"sync": "1", "return_type": "12"[turn % 2], "quality": "75"}
            answer = client.post(API, data=form, files={"image_file": pictures[turn % 3]})
            data = answer.json().get("data", {})
            done[f"{answer.status_code} {data.get('state')}"] += 1
            if form["return_type"] == "1" and "image" in data:
                done[f"result {httpx.get(data['image'], trust_env=False).status_code}"] += 1
            turn += 1


def _watch(server: Server, minutes: float) -> list[tuple[float, int, int]]:
    """Private memory in MB and descriptors of the server, descriptors of its zygote, every 5 s."""
    looks, until = [], time.monotonic() + minutes * 60
    while time.monotonic() < until:
        time.sleep(5)
        pid = server.process.pid
        looks.append((memory_mb(pid), descriptors_of(pid), sum(map(descriptors_of, zygotes_of(pid)))))
    return looks


def _judge_soak(looks: list[tuple[float, int, int]], done: Counter[str], log: str, figures: Figures) -> None:
    warm = looks[len(looks) // 6 :]  # after the first caches have filled
    fifth = max(1, len(warm) // 5)
    first, last = (
        [statistics.median(look[i] for look in part) for i in range(3)] for part in (warm[:fifth], warm[-fifth:])
    )
    section = f"{len(looks) * 5 / 60:.0f} minutes of work by three clients"
    figures.add(section, "requests", f"{sum(done.values())}: {dict(done)}", good=set(done) <= _EXPECTED)
    drift = (last[0] / first[0] - 1) * 100
    figures.add(
        section, "server's private memory", f"{first[0]:.1f} to {last[0]:.1f} MB ({drift:+.1f} %)", good=drift < 10
    )
    told = f"server {first[1]:.0f} to {last[1]:.0f}, zygote {first[2]:.0f} to {last[2]:.0f}"
    figures.add(section, "descriptors", told, good=last[1] - first[1] <= 5 and last[2] - first[2] <= 5)
    defects = log.count("defect") + log.count("failure")
    figures.add(section, "defects and failures in the log", defects, good=defects == 0)


_EXPECTED = {"200 1", "200 -7", "result 200"}
