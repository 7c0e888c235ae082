"""Rates: exact whoever asks, from however many threads and nodes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.support.ports import Node, migrated_database, postgres_node
from tests.support.servers import Postgres

from leanpix.domain.account import RateBucket
from leanpix.queues.settings import QueueSettings

SLOW = 0.01  # a request in 100 s: no test takes long enough for a second one


def test_of_many_requests_at_once_exactly_the_burst_passes(node: Node) -> None:
    # 5 a second for a burst of one second; in PostgreSQL the real clock may let one more through per 0.2 s.
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _n: node.rates.take("key", RateBucket.CREATE, 50), range(60)))
    allowed = waits.count(0.0)
    assert 50 <= allowed < 60
    assert all(0 < wait <= 1 for wait in waits if wait)


def test_several_nodes_have_one_rate_between_them(postgres: Postgres) -> None:
    url = migrated_database(postgres)
    with ExitStack() as stack, ThreadPoolExecutor(12) as threads:
        nodes = [stack.enter_context(postgres_node(url, QueueSettings())) for _ in range(3)]
        waits = list(threads.map(lambda n: nodes[n % 3].rates.take("key", RateBucket.CREATE, SLOW * 20), range(60)))
    assert waits.count(0.0) == 1, "0.2 a second: one at once, the next after 5 s"
    assert all(0 < wait <= 5 for wait in waits if wait)


def test_a_slow_rate_lets_one_through_and_says_how_long_to_wait(node: Node) -> None:
    waits = [node.rates.take("key", RateBucket.CREATE, SLOW) for _ in range(3)]
    assert waits[0] == 0
    assert all(90 < wait <= 100 for wait in waits[1:])


def test_keys_and_buckets_do_not_share_a_rate(node: Node) -> None:
    places = [("one", RateBucket.CREATE), ("two", RateBucket.CREATE), ("one", RateBucket.QUERY)]
    assert [node.rates.take(*place, SLOW) for place in places] == [0, 0, 0]


def test_what_is_owed_of_a_budget_comes_along_unless_the_request_is_refused(node: Node) -> None:
    def asked(key_id: str) -> tuple[float, float]:
        return node.rates.take_and_owed(key_id, RateBucket.CREATE, SLOW, RateBucket.CPU)

    node.rates.spend("key", RateBucket.CPU, 300, 1.0)
    wait_s, owed_s = asked("key")
    assert wait_s == 0
    assert 200 < owed_s <= 300
    assert asked("other") == (0, 0)
    wait_s, owed_s = asked("key")
    assert 90 < wait_s <= 100
    assert owed_s == 0
