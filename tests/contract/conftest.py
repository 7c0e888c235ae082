"""Every port's adapters by turns: the same tests over one machine's files and over real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.ledger import Book, SettableClock
from tests.support.ports import Node, migrated_database, postgres_node, sqlite_node
from tests.support.servers import Postgres

from leanpix.queues.settings import QueueSettings

QUEUE = QueueSettings(heartbeat_s=0.2, stale_s=1)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=["sqlite", "postgres"])
def node(request: pytest.FixtureRequest, tmp_path: Path, clock: SettableClock) -> Iterator[Node]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield stack.enter_context(sqlite_node(tmp_path, clock))
        else:
            server: Postgres = request.getfixturevalue("postgres")
            yield stack.enter_context(postgres_node(migrated_database(server), QUEUE))


@pytest.fixture
def book(node: Node) -> Book:
    return Book(node.database)
