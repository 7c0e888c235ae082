"""What failure tests share: pictures and reviews that are held until told, load, and the proof of each task's end."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import httpx
from tests.support.cluster import PATIENCE_S, Cluster, Node, until
from tests.support.pictures import encoded, gradient
from tests.support.server import API

PICTURE = encoded(gradient(64, 64))
# Too large for its task's row: it goes by the file store.
LARGE_PICTURE = encoded(gradient(256, 256), "BMP")
# The one whose review waits: what workers have in their slots till then.
HELD_PICTURE = encoded(gradient(72, 64))


@dataclass
class Gate:
    """A web server whose pictures arrive only while it is open: a task that fetches one is under way till then."""

    url: str
    is_open: Event = field(default_factory=Event)


@contextmanager
def gated_pictures(host: str = "127.0.0.1") -> Iterator[Gate]:
    gate = Gate("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            gate.is_open.wait(PATIENCE_S)
            with suppress(OSError):  # whoever asked may be dead by now
                self.send_response(200)
                self.send_header("Content-Length", str(len(PICTURE)))
                self.end_headers()
                self.wfile.write(PICTURE)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with _serving(host, Handler) as port:
        gate.url = f"http://{host}:{port}/picture.jpg"
        yield gate
        gate.is_open.set()


@dataclass
class ReviewGate:
    """A policy hook that allows everything, results of HELD_PICTURE only while it is open.

    A worker asks it with the result in its slot. held: the tasks that wait for it.
    """

    url: str
    is_open: Event = field(default_factory=Event)
    held: set[str] = field(default_factory=set)


@contextmanager
def gated_reviews(host: str = "127.0.0.1") -> Iterator[ReviewGate]:
    gate, held_source = ReviewGate(""), hashlib.sha256(HELD_PICTURE).hexdigest()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if asked["source"]["sha256"] == held_source:
                gate.held.add(asked["task_id"])
                gate.is_open.wait(PATIENCE_S)
                gate.held.discard(asked["task_id"])
            with suppress(OSError):  # the worker that asked may be dead by now
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"allow": true}')

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with _serving(host, Handler) as port:
        gate.url = f"http://{host}:{port}/review"
        yield gate
        gate.is_open.set()


@contextmanager
def _serving(host: str, handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server that answers each request in a thread of its own."""
    with ThreadingHTTPServer((host, 0), handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@dataclass
class Caller:
    """A client of one key that can choose its API node."""

    key: str

    def create(
        self, node: Node, picture: bytes = PICTURE, *, timeout_s: float = 60, sync: bool = False
    ) -> httpx.Response:
        with self._client(node, timeout_s) as client:
            return client.post(API, data={"sync": str(int(sync))}, files={"image_file": picture})

    def accepted(self, node: Node, picture: bytes = PICTURE) -> str:
        answer = self.create(node, picture)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["task_id"])

    def queried(self, node: Node, task_id: str) -> dict[str, Any]:
        with self._client(node, 60) as client:
            found: dict[str, Any] = client.get(f"{API}/{task_id}").json()["data"]
        return found

    def reads(self, node: Node, task_id: str) -> bool:
        """Whether the task's result can be had through this node."""
        with self._client(node, 60) as client:
            data = client.get(f"{API}/{task_id}").json()["data"]
            return data["state"] == 1 and len(client.get(data["image"]).content) > 100

    def _client(self, node: Node, timeout_s: float) -> httpx.Client:
        return httpx.Client(base_url=node.base, headers={"X-API-KEY": self.key}, timeout=timeout_s, trust_env=False)


@dataclass
class Load:
    """Tasks that a caller sent over several nodes; what was answered with 200 counts as accepted."""

    accepted: list[str] = field(default_factory=list)
    refused: int = 0
    longest_gap_s: float = 0.0


@contextmanager
def under_load(caller: Caller, nodes: Sequence[Node], pause_s: float = 0.1) -> Iterator[Load]:
    """Submit all the time, from one thread a node, while the block runs."""
    load, over = Load(), Event()

    def send(node: Node) -> None:
        last = time.monotonic()
        while not over.wait(pause_s):
            try:
                load.accepted.append(caller.accepted(node))
            except (httpx.TransportError, AssertionError):
                load.refused += 1
                continue
            load.longest_gap_s = max(load.longest_gap_s, time.monotonic() - last)
            last = time.monotonic()

    threads = [Thread(target=send, args=(node,), daemon=True) for node in nodes]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()


def under_way(cluster: Cluster) -> int:
    return int(cluster.rows("SELECT count(*) FROM tasks WHERE owner IS NOT NULL AND completed_at IS NULL")[0][0])


def ended(cluster: Cluster, tasks: Sequence[str]) -> bool:
    query = "SELECT count(*) FROM tasks WHERE id = ANY(%s) AND completed_at IS NOT NULL"
    return int(cluster.rows(query, list(tasks))[0][0]) == len(tasks)


def attempts(cluster: Cluster, tasks: Sequence[str]) -> list[int]:
    return sorted(row[0] for row in cluster.rows("SELECT attempt FROM tasks WHERE id = ANY(%s)", list(tasks)))


def assert_each_ended_once_and_was_charged_once(cluster: Cluster, tasks: Sequence[str]) -> None:
    until(lambda: ended(cluster, tasks))
    rows = cluster.rows(
        "SELECT state, charged, array_agg(kind::text ORDER BY ledger.id), sum(ledger.credits) FROM tasks"
        " JOIN ledger ON task_id = tasks.id WHERE tasks.id = ANY(%s) GROUP BY tasks.id, state, charged",
        list(tasks),
    )
    assert len(rows) == len(tasks)
    assert {tuple(map(str, row)) for row in rows} == {("1", "1", "['hold', 'settle']", "-2")}


@contextmanager
def far_network() -> Iterator[FarNetwork]:
    """A network namespace joined to this one by a pair of links; raises CalledProcessError where that is forbidden."""
    network = FarNetwork()
    try:
        network.make()
        yield network
    finally:
        network.remove()


class FarNetwork:
    """Another host, as far as the network goes. `near` is this side's address."""

    near, far = "10.231.77.1", "10.231.77.2"
    _name, _here, _there = "leanpix-far", "lp-here", "lp-there"

    @property
    def prefix(self) -> list[str]:
        return ["ip", "netns", "exec", self._name]

    def make(self) -> None:
        self.remove()
        _ip("netns", "add", self._name)
        _ip("link", "add", self._here, "type", "veth", "peer", "name", self._there, "netns", self._name)
        _ip("address", "add", f"{self.near}/24", "dev", self._here)
        _ip("link", "set", self._here, "up")
        _ip("-n", self._name, "address", "add", f"{self.far}/24", "dev", self._there)
        _ip("-n", self._name, "link", "set", self._there, "up")
        _ip("-n", self._name, "link", "set", "lo", "up")

    def cut(self) -> None:
        """Let every packet vanish without a word, both ways: each side sends to an address that nobody has."""
        nobody = ("lladdr", "02:00:00:00:00:99", "nud", "permanent")
        _ip("neighbour", "replace", self.far, *nobody, "dev", self._here)
        _ip("-n", self._name, "neighbour", "replace", self.near, *nobody, "dev", self._there)

    def heal(self) -> None:
        _ip("neighbour", "delete", self.far, "dev", self._here)
        _ip("-n", self._name, "neighbour", "delete", self.near, "dev", self._there)

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "delete", self._name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self._here], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
