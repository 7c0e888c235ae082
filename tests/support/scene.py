"""Two API nodes and two workers whose tasks can be held under way: what failure tests and the torture begin with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.support.cluster import Cluster, Node, new_cluster, until
from tests.support.failures import Caller, FarNetwork, Gate, all_under_way, gated_pictures
from tests.support.server import key_in
from tests.support.servers import Postgres, Seaweed

# A gated picture may take as long as a busy machine needs to start another worker.
PATIENT_FETCH = {"fetch_timeout_s": "60", "fetch_first_byte_timeout_s": "60"}


@dataclass
class Scene:
    """Two API nodes and two workers with one slot each, and a key."""

    cluster: Cluster
    gate: Gate
    caller: Caller
    apis: list[Node]
    workers: list[Node]

    def both_workers_busy(self) -> list[str]:
        """Two tasks that are under way until the gate opens."""
        self.gate.is_open.clear()
        tasks = [self.caller.accepted(api, self.gate.url) for api in self.apis]
        # These very two: the load of other pictures has some under way, too.
        until(lambda: all_under_way(self.cluster, tasks))
        return tasks


@contextmanager
def one_host_scene(postgres: Postgres, seaweed: Seaweed, folder: Path, **settings: str) -> Iterator[Scene]:
    """All on this host."""
    with gated_pictures() as gate, new_cluster(postgres, seaweed, folder, **fetching(gate, settings)) as cluster:
        cluster.cli("migrate")
        key = key_in(cluster.cli("keys", "create", "--name", "shop", "--credits", "100000", "--qps", "1000"))
        apis, workers = [cluster.api(), cluster.api()], [cluster.worker(), cluster.worker()]
        cluster.wait()
        yield Scene(cluster, gate, Caller(key), apis, workers)


@contextmanager
def two_host_scene(far: FarNetwork, folder: Path, **settings: str) -> Iterator[Scene]:
    """An API node and a worker beside the stores, and a worker on another host."""
    with ExitStack() as stack:
        gate = stack.enter_context(gated_pictures(far.near))
        postgres, seaweed = Postgres(host=far.near).start(), Seaweed(host=far.near).start()
        stack.callback(postgres.close)
        stack.callback(seaweed.close)
        cluster = stack.enter_context(new_cluster(postgres, seaweed, folder, **fetching(gate, settings)))
        key = key_in(cluster.cli("migrate"))
        api, workers = cluster.api(), [cluster.worker(), cluster.worker(far.prefix)]
        cluster.wait()
        yield Scene(cluster, gate, Caller(key), [api, api], workers)


def fetching(gate: Gate, settings: dict[str, str]) -> dict[str, str]:
    """Settings that let nodes fetch what the gate lets through."""
    host, port = gate.url.removeprefix("http://").split("/")[0].split(":")
    return {"fetch_allow_nets": f"{host}/32", "fetch_ports": port} | PATIENT_FETCH | settings


def ready(node: Node) -> int:
    return httpx.get(f"{node.base}/readyz", timeout=30, trust_env=False).status_code
