"""Two API nodes behind HAProxy, Caddy and nginx by the files of deploy/: one that stops costs one request at most."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from tests.support.balancers import BALANCERS, NAME, balanced
from tests.support.cluster import Cluster, Node, new_cluster, until
from tests.support.failures import PICTURE
from tests.support.server import API, key_in
from tests.support.servers import Postgres, Seaweed

REQUESTS = 20
# Longer than any of them takes to look again at a node that it has left out.
BACK_S = 15.0


@dataclass
class Nodes:
    """Two API nodes of a cluster at addresses that stay theirs, and a worker."""

    cluster: Cluster
    key: str
    apis: list[Node]

    @property
    def addresses(self) -> list[str]:
        return [node.base.removeprefix("http://") for node in self.apis]

    def start_again(self, number: int) -> None:
        """The node that was stopped, at its own address."""
        self.apis[number] = self.cluster.api(port=int(self.apis[number].base.rpartition(":")[2]))
        self.cluster.wait()


@pytest.fixture(scope="module")
def nodes(postgres: Postgres, seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("balanced")
    with new_cluster(postgres, seaweed, folder, public_url=f"https://{NAME}") as cluster:
        key = key_in(cluster.cli("keys", "create", "--name", "shop", "--credits", "10000", "--qps", "1000"))
        apis = [cluster.api(), cluster.api()]
        cluster.worker()
        cluster.wait()
        yield Nodes(cluster, key, apis)


@dataclass
class Site:
    """The balancer, as its clients have it: a connection for each request, as many clients have."""

    base: str
    key: str

    def created(self) -> httpx.Response:
        headers = {"X-API-KEY": self.key, "Host": NAME}
        files = {"image_file": PICTURE}
        return httpx.post(self.base + API, files=files, headers=headers, timeout=10, trust_env=False)

    def statuses(self, count: int, pause_s: float = 0.05) -> Counter[int | str]:
        """What so many creates were answered, one after the other."""
        found: Counter[int | str] = Counter()
        for _ in range(count):
            try:
                found[self.created().status_code] += 1
            except httpx.TransportError as failure:
                found[type(failure).__name__] += 1
            time.sleep(pause_s)
        return found


@pytest.fixture(scope="module", params=BALANCERS)
def site(request: pytest.FixtureRequest, nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with balanced(request.param, tmp_path_factory.mktemp(str(request.param)), nodes.addresses) as base:
        yield Site(base, nodes.key)


def creates(node: Node) -> int:
    """How many creates a node has answered, by its own log."""
    return sum("event=request" in line and "method=POST" in line for line in node.output.read_text().splitlines())


def test_two_fixed_addresses_are_both_used(nodes: Nodes, site: Site) -> None:
    before = [creates(node) for node in nodes.apis]
    assert site.statuses(10, pause_s=0) == {200: 10}
    after = [creates(node) for node in nodes.apis]
    assert all(b > a for a, b in zip(before, after, strict=True)), (before, after)


def test_figures_stay_inside(site: Site) -> None:
    for path in (b"/metrics", b"//metrics", b"/metrics/", b"/%6Detrics"):
        url = httpx.URL(site.base + "/").copy_with(raw_path=path)
        answer = httpx.get(url, headers={"Host": NAME}, trust_env=False)
        assert answer.status_code == httpx.codes.NOT_FOUND
        assert "leanpix_" not in answer.text


@pytest.mark.parametrize("way", ["killed", "told to end"])
def test_a_node_that_stops_costs_one_request_at_most_and_is_used_again_once_it_is_back(
    nodes: Nodes, site: Site, way: str
) -> None:
    stopped = nodes.apis[1]
    if way == "killed":
        stopped.kill()
    else:
        stopped.process.terminate()
    found = site.statuses(REQUESTS)
    assert found[200] >= REQUESTS - 1, found
    stopped.process.wait(60)
    assert site.statuses(5, pause_s=0) == {200: 5}, "it is left out by now"
    nodes.start_again(1)
    until(lambda: site.created().is_success and creates(nodes.apis[1]) > 0, BACK_S)


def test_where_no_node_answers_clients_are_told_so_in_json(nodes: Nodes, site: Site) -> None:
    for node in nodes.apis:
        node.kill()
    try:
        answer = site.created()
        assert answer.status_code in {502, 503}
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["status"] == answer.status_code
    finally:
        for number in range(2):
            nodes.start_again(number)
        until(lambda: site.created().is_success, BACK_S)
