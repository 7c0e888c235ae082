"""A cluster of real processes: API nodes behind a balancer, workers, PostgreSQL and an S3 store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
from tests.support.forwarding import forward
from tests.support.ports import migrated_database
from tests.support.server import (
    LEANPIX,
    WORKED_ON,
    Server,
    clean_environment,
    free_port,
    key_in,
    named,
    wait_until_healthy,
)
from tests.support.servers import Postgres, Seaweed

SECRET = "a secret that every node of the cluster has"
PATIENCE_S = 90.0


@dataclass
class Node:
    """One process of the cluster; base is empty for a worker."""

    process: subprocess.Popen[bytes]
    output: Path
    base: str = ""

    @property
    def works(self) -> bool:
        """Whether a worker has said that it takes tasks."""
        return "works on" in self.output.read_text()

    @property
    def failed(self) -> bool:
        """Whether it ended by itself, as one that is refused does; not one that was killed."""
        return (self.process.poll() or 0) > 0

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


@dataclass
class Cluster:
    """Nodes over one database and one store.

    prefix starts a process, such as in a network of its own; program is the `leanpix` to run, such as an older one.
    """

    database_url: str
    environment: dict[str, str]
    folder: Path
    nodes: list[Node] = field(default_factory=list)

    def api(self, host: str = "127.0.0.1", program: Path = LEANPIX, port: int | None = None) -> Node:
        """A node on this port, or a free one."""
        port = port or free_port()
        node = self._start("serve", "--workers", "0", "--host", host, "--port", str(port), program=program)
        node.base = f"http://{host}:{port}"
        return node

    def worker(self, prefix: Sequence[str] = (), program: Path = LEANPIX) -> Node:
        return self._start("worker", prefix=prefix, program=program)

    def wait(self) -> None:
        """Until every API node answers and every worker takes tasks; AssertionError where one refused to start."""
        for node in self.nodes:
            if node.base and node.process.poll() is None:
                wait_until_healthy(node.process, node.base, node.output)
            elif node.process.poll() is None:
                until(lambda node=node: node.works or node.process.poll() is not None)  # type: ignore[misc] # bound early
            assert not node.failed, node.output.read_text()

    def cli(self, *words: str, program: Path = LEANPIX) -> str:
        command = [str(program), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=self.environment).stdout

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def close(self) -> None:
        for node in self.nodes:
            if node.process.poll() is None:
                node.kill()

    def _start(self, *words: str, prefix: Sequence[str] = (), program: Path = LEANPIX) -> Node:
        output = self.folder / f"{words[0]}-{len(self.nodes)}.log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                [*prefix, str(program), *words],
                stdout=log, stderr=log, env=self.environment, start_new_session=True, cwd=self.folder,
            )  # fmt: skip
        self.nodes.append(Node(process, output))
        return self.nodes[-1]


@contextmanager
def new_cluster(postgres: Postgres, seaweed: Seaweed, folder: Path, **settings: str) -> Iterator[Cluster]:
    """A cluster without nodes, its database migrated; every node ends with the block."""
    with cluster_over(migrated_database(postgres), seaweed, folder, **settings) as cluster:
        yield cluster


@contextmanager
def cluster_over(url: str, seaweed: Seaweed, folder: Path, **settings: str) -> Iterator[Cluster]:
    """The same over a database as it is."""
    shared = {"database_url": url, "store_url": f"s3://pictures/{folder.name}", "secret": SECRET}
    timing = {"workers": "1", "heartbeat_s": "0.5", "stale_s": "2", "drain_s": "0"}
    environment = clean_environment() | WORKED_ON | seaweed.environment | named(shared | timing | settings)
    cluster = Cluster(url, environment, folder)
    try:
        yield cluster
    finally:
        cluster.close()


@contextmanager
def balanced_server(postgres: Postgres, seaweed: Seaweed, folder: Path, **settings: str) -> Iterator[Server]:
    """Two API nodes behind a balancer and two workers, to be used like a single server."""
    with new_cluster(postgres, seaweed, folder, **settings) as cluster:
        key = key_in(cluster.cli("migrate"))
        nodes = [cluster.api(), cluster.api()]
        cluster.worker()
        cluster.worker()
        cluster.wait()
        with balancer([int(node.base.rpartition(":")[2]) for node in nodes]) as base:
            yield Server(nodes[0].process, base, key, folder / "data", nodes[0].output, cluster.environment)


@contextmanager
def balancer(ports: Sequence[int]) -> Iterator[str]:
    """Hands each connection to the next of the ports, byte for byte."""
    targets = cycle(ports)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                Thread(target=_join, args=(client, next(targets)), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        thread = Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _join(client: socket.socket, port: int) -> None:
    with suppress(OSError), client, socket.create_connection(("127.0.0.1", port)) as server:
        back = Thread(target=forward, args=(server, client), daemon=True)
        back.start()
        forward(client, server)
        back.join()


def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition; AssertionError where it does not come about."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
