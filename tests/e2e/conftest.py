"""One server of each kind that every end-to-end test without special settings shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from tests.support.accounts import key_for
from tests.support.cluster import balanced_server
from tests.support.server import Server, running_server
from tests.support.servers import Postgres, Seaweed
from tests.support.tinify import ClientOf, tinify_client

# What is asked of the API is asked of both: one machine, and two API nodes with two workers behind a balancer.
_BOTH_MODES = {
    "test_first_photo",
    "test_api_parameters",
    "test_api_accounts",
    "test_api_clients",
    "test_account_api",
    "test_idempotency",
    "test_tinify_nodes",
    "test_sets",
    "test_score_api",
}
_FETCHING = {"fetch_allow_nets": "127.0.0.0/8"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames and metafunc.definition.path.stem in _BOTH_MODES:
        metafunc.parametrize("server", ["one_machine", "cluster"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(getattr(request, "param", "one_machine"))
    return found


@pytest.fixture(scope="session")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server") / "data", **_FETCHING) as started:
        yield started


@pytest.fixture(scope="session")
def cluster(postgres: Postgres, seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    shelf = {"tinify_store_endpoints": seaweed.environment["AWS_ENDPOINT_URL"]}
    with balanced_server(postgres, seaweed, tmp_path_factory.mktemp("cluster"), **_FETCHING, **shelf) as started:
        yield started


@pytest.fixture
def client_of(server: Server) -> Iterator[ClientOf]:
    """Makes clients that send a key as Tinify's do."""
    with ExitStack() as opened:
        yield lambda key: opened.enter_context(tinify_client(server, key))


@pytest.fixture
def tinify(server: Server, client_of: ClientOf) -> httpx.Client:
    """Such a client, with a fresh key of 20 credits."""
    return client_of(key_for(server, credits=20, qps=1000))
