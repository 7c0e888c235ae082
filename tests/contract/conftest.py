"""Every port's adapters by turns: the same tests over one machine's files, over real servers, and over models of both.

The models are what the simulation runs on (docs/simulation.md): these tests are why it can be believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.ledger import Book, SettableClock
from tests.support.ports import Node, migrated_database, model_node, postgres_node, sqlite_node
from tests.support.servers import Postgres

from leanpix.queues.settings import QueueSettings

QUEUE = QueueSettings(heartbeat_s=0.2, stale_s=1)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=["sqlite", "postgres", "model of sqlite", "model of postgres"])
def node(request: pytest.FixtureRequest, tmp_path: Path, clock: SettableClock) -> Iterator[Node]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield stack.enter_context(sqlite_node(tmp_path, clock))
        elif request.param.startswith("model"):
            yield model_node(clock, is_shared=request.param.endswith("postgres"))
        else:
            server: Postgres = request.getfixturevalue("postgres")
            yield stack.enter_context(postgres_node(migrated_database(server), QUEUE))


@pytest.fixture
def book(node: Node) -> Book:
    return Book(node.database)
