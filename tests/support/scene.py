"""Two API nodes and two workers whose tasks can be held under way: what failure tests and the torture begin with."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from tests.support.cluster import Cluster, Node, until
from tests.support.failures import Caller, Gate, under_way
from tests.support.server import key_in

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
        until(lambda: under_way(self.cluster) == 2)
        return tasks


def new_scene(cluster: Cluster, gate: Gate) -> Scene:
    cluster.cli("migrate")
    key = key_in(cluster.cli("keys", "create", "--name", "shop", "--credits", "100000", "--qps", "1000"))
    apis, workers = [cluster.api(), cluster.api()], [cluster.worker(), cluster.worker()]
    cluster.wait()
    return Scene(cluster, gate, Caller(key), apis, workers)


def ready(node: Node) -> int:
    return httpx.get(f"{node.base}/readyz", timeout=30, trust_env=False).status_code
