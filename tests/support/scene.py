"""Two API nodes and two workers whose tasks can be held under way: what failure tests and the torture begin with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.support.cluster import Cluster, Node, new_cluster, until
from tests.support.failures import HELD_PICTURE, Caller, FarNetwork, ReviewGate, gated_reviews
from tests.support.server import key_in
from tests.support.servers import Postgres, Seaweed

# A held review may take as long as a busy machine needs to start another worker; it is asked for twice.
_PATIENT = {"policy_timeout_s": "60", "policy_content": "none"}
_POLICY_SECRET = "whsec_" + "QUJD" * 8


@dataclass
class Scene:
    """Two API nodes and two workers with one slot each, and a key."""

    cluster: Cluster
    gate: ReviewGate
    caller: Caller
    apis: list[Node]
    workers: list[Node]

    def both_workers_busy(self) -> list[str]:
        """Two tasks whose results wait in the workers' slots until the gate opens."""
        self.gate.is_open.clear()
        tasks = [self.caller.accepted(api, HELD_PICTURE) for api in self.apis]
        until(lambda: self.gate.held.issuperset(tasks))
        return tasks


@contextmanager
def one_host_scene(postgres: Postgres, seaweed: Seaweed, folder: Path, **settings: str) -> Iterator[Scene]:
    """All on this host."""
    with gated_reviews() as gate, new_cluster(postgres, seaweed, folder, **reviewed(gate, settings)) as cluster:
        cluster.cli("migrate")
        key = key_in(cluster.cli("keys", "create", "--name", "shop", "--credits", "100000", "--qps", "1000"))
        apis, workers = [cluster.api(), cluster.api()], [cluster.worker(), cluster.worker()]
        cluster.wait()
        yield Scene(cluster, gate, Caller(key), apis, workers)


@contextmanager
def two_host_scene(far: FarNetwork, folder: Path, **settings: str) -> Iterator[Scene]:
    """An API node and a worker beside the stores, and a worker on another host."""
    with ExitStack() as stack:
        gate = stack.enter_context(gated_reviews(far.near))
        postgres, seaweed = Postgres(host=far.near).start(), Seaweed(host=far.near).start()
        stack.callback(postgres.close)
        stack.callback(seaweed.close)
        cluster = stack.enter_context(new_cluster(postgres, seaweed, folder, **reviewed(gate, settings)))
        key = key_in(cluster.cli("migrate"))
        api, workers = cluster.api(), [cluster.worker(), cluster.worker(far.prefix)]
        cluster.wait()
        yield Scene(cluster, gate, Caller(key), [api, api], workers)


def reviewed(gate: ReviewGate, settings: dict[str, str]) -> dict[str, str]:
    """Settings with which nodes publish what the gate lets through."""
    return {"policy_url": gate.url, "policy_secret": _POLICY_SECRET} | _PATIENT | settings


def ready(node: Node, function: str = "") -> int:
    return httpx.get(f"{node.base}/readyz{function}", timeout=30, trust_env=False).status_code
