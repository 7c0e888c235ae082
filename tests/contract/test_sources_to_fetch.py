"""Tasks whose source has still to be fetched: a line of their own, bounded by host, in which keys take turns."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

from tests.support.ledger import Book
from tests.support.ports import Node

from leanpix.domain.task import QueueEntry
from leanpix.service.fetch import Fetch
from leanpix.worker.heartbeats import Heartbeats
from leanpix.worker.source_fetcher import FetchBounds, SourceFetcher


def addressed(book: Book, key_id: str, host: str, created_at: float = 1.0) -> str:
    """A task that waits for its source."""
    with book.database.transaction() as change:
        task_id = book.new_task(change, key_id, created_at=created_at)
        task = change.tasks.get(task_id)
        assert task is not None
        change.tasks.delete([task_id])
        change.tasks.add(replace(task, fetch_host=host))
    return task_id


def line(book: Book, per_host: int = 2, limit: int = 100) -> list[str]:
    with book.database.reading() as view:
        return [entry.task_id for entry in view.tasks.to_fetch(per_host, limit)]


def test_it_is_no_line_of_those_that_wait_for_a_worker_until_its_source_is_there(book: Book) -> None:
    book.account()
    task_id = addressed(book, "key", "a.example")
    with book.database.reading() as view:
        assert view.tasks.ready(10) == []
        assert view.tasks.to_fetch(2, 10) == [QueueEntry(task_id, "key", "a.example")]
    claimed = book.claimed(task_id)
    assert line(book) == []
    with book.database.transaction() as change:
        assert change.tasks.fetched(claimed.fence)
        assert not change.tasks.fetched(claimed.fence)
    assert line(book) == []
    with book.database.reading() as view:
        assert [entry.task_id for entry in view.tasks.ready(10)] == [task_id]
    assert book.get(task_id).fetch_host is None


def test_a_thousand_for_one_slow_host_are_not_before_the_keys_others_nor_before_other_keys(book: Book) -> None:
    book.account("flooding", None)
    book.account("modest", None)
    slow = [addressed(book, "flooding", "slow.example", float(number)) for number in range(20)]
    quick = addressed(book, "flooding", "quick.example", 100.0)
    others = addressed(book, "modest", "slow.example", 200.0)
    assert set(line(book)) == {slow[0], slow[1], quick, others}
    assert set(line(book, limit=2)) == {slow[0], others}
    book.claimed(slow[0])
    book.claimed(slow[1])
    assert set(line(book)) == {quick, others}, "those under way count"


def test_an_interrupted_fetch_is_made_again(book: Book) -> None:
    book.account()
    task_id = addressed(book, "key", "a.example")
    claimed = book.claimed(task_id)
    with book.database.transaction() as change:
        assert change.tasks.hand_back(claimed.fence)
    assert line(book) == [task_id]
    assert book.get(task_id).faults == 0


def fetcher(node: Node, bounds: FetchBounds) -> SourceFetcher:
    heartbeats = Heartbeats(node.database, 1.0, node.failures.append)
    return SourceFetcher(node.database, Fetch.__new__(Fetch), bounds, heartbeats, Event(), node.failures.append)


def test_a_key_may_have_as_many_under_way_as_would_stay_free(node: Node, book: Book) -> None:
    book.account("flooding", None)
    book.account("modest", None)
    for number in range(30):
        addressed(book, "flooding", f"{number}.example")
    sources = fetcher(node, FetchBounds(overall=8, per_key=6, per_host=2))
    assert len(sources._taken()) == 4, "half: as many are free"
    addressed(book, "modest", "a.example")
    assert [entry.key_id for entry in sources._taken()] == ["modest"]


def test_a_key_alone_has_no_more_than_its_bound(node: Node, book: Book) -> None:
    book.account("flooding", None)
    for number in range(30):
        addressed(book, "flooding", f"{number}.example")
    assert len(fetcher(node, FetchBounds(overall=32, per_key=8, per_host=2))._taken()) == 8


def test_of_one_host_no_more_than_its_bound_are_under_way_for_all_keys(node: Node, book: Book) -> None:
    for key_id in ("one", "two", "three"):
        book.account(key_id, None)
        for _ in range(5):
            addressed(book, key_id, "slow.example")
    assert len(fetcher(node, FetchBounds(overall=32, per_key=8, per_host=4))._taken()) == 4
