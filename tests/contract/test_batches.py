"""Batches: fed in as there is room, paid for item by item, ended once, kept and removed as a whole."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.ledger import Book, SettableClock, success
from tests.support.ports import Node

from leanpix.domain.account import Account
from leanpix.domain.batch import Batch
from leanpix.domain.errors import BodyError, KeyReusedError, NotFoundError, QueueFullError, SourceCountError
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome
from leanpix.domain.webhook import Callback
from leanpix.service.batch import BatchBounds, BatchDesk, BatchSize, BatchTerms, NamedSource
from leanpix.service.execute import record
from leanpix.service.maintain import Sweeper
from leanpix.service.observing import Ended
from leanpix.service.promote_batch_items import PromoteBatchItems
from leanpix.service.submit import QueueBounds, Upload
from leanpix.stores.files.blobs import LocalBlobs

TERMS = BatchTerms(CompressionOptions(quality=80))
HOUR_S = 3600.0
BOUNDS = BatchBounds(unfinished=2, stored_per_key=10_000, stored=15_000)


@dataclass
class Office:
    """A desk, a feeder and a sweeper over one database. Bounds: 8 items of a key's batches at once."""

    book: Book
    node: Node
    blobs: LocalBlobs
    clock: SettableClock
    told: list[Ended] = field(default_factory=list)
    bounds: BatchBounds = BOUNDS

    @property
    def desk(self) -> BatchDesk:
        return BatchDesk(self.book.database, self.blobs, self.bounds, HOUR_S, self.clock)

    def promote(self, overall: int = 1000) -> int:
        feed = PromoteBatchItems(
            database=self.book.database,
            blobs=self.blobs,
            signals=self.node.signals,
            bounds=QueueBounds(32, overall),
            longest_s=24 * HOUR_S,
            now=self.clock,
            on_error=self.node.failures.append,
            observe=self.told.append,
        )
        return feed()

    def submit(self, account: Account, many: int, terms: BatchTerms = TERMS) -> Batch:
        sources = (NamedSource(f"{number}.jpg", Upload(b"picture %d" % number)) for number in range(many))
        return self.get(self.desk.submit(account, sources, terms, BatchSize(many)))

    def get(self, batch_id: str) -> Batch:
        with self.book.database.reading() as view:
            batch = view.batches.get(batch_id)
        assert batch is not None
        return batch

    def ready(self) -> list[str]:
        with self.book.database.reading() as view:
            return [turn.task_id for turn in view.tasks.ready(1000)]

    def work(self) -> int:
        """Do what is ready; returns how many."""
        ready = self.ready()
        for task_id in ready:
            task = self.book.claimed(task_id)
            with self.book.database.transaction() as change:
                record(change, task, success(task), self.clock())
        return len(ready)

    def states(self, batch: Batch) -> Counter[TaskState | None]:
        with self.book.database.reading() as view:
            return Counter(view.batches.counts(batch.id))

    def files(self) -> set[str]:
        return set(self.blobs.older_than(-1))


@pytest.fixture
def office(book: Book, node: Node, tmp_path: Path, clock: SettableClock) -> Office:
    return Office(book, node, LocalBlobs(tmp_path / "files", 0), clock)


def test_items_come_in_as_there_is_room_and_the_batch_ends_when_all_have(office: Office) -> None:
    account = office.book.account(credit=100)
    batch = office.submit(account, 20, BatchTerms(TERMS.options, Callback("https://a.example/hook", "https://me")))
    assert office.states(batch) == {None: 20}
    rounds = []
    while office.get(batch.id).completed_at is None:
        rounds.append(office.promote())
        assert len(office.ready()) <= 8
        office.work()
    assert rounds == [8, 8, 4, 0]
    assert office.states(batch) == {TaskState.SUCCEEDED: 20}
    assert office.book.credit() == 80
    assert office.promote() == 0
    with office.book.database.reading() as view:
        assert [one.task_id for one in view.deliveries.recent("key", 10)] == [batch.id]


def test_a_batch_has_not_ended_while_any_of_it_is_under_way(office: Office) -> None:
    batch = office.submit(office.book.account(), 2)
    office.promote()
    office.promote()
    assert office.get(batch.id).completed_at is None
    office.work()
    office.promote()
    assert office.get(batch.id).completed_at is not None


def test_a_batch_leaves_the_turn_to_its_own_keys_requests_and_to_other_keys(office: Office) -> None:
    batch = office.submit(office.book.account(credit=100), 20)
    office.promote()
    office.book.account("other")
    single, others = office.book.task("key", created_at=2e9), office.book.task("other", created_at=2e9)
    assert set(office.ready()[:2]) == {single, others}
    office.book.account("crowd", 1000)
    for _ in range(30):
        office.book.task("crowd")
    office.work()
    for _ in range(30):
        office.book.task("crowd")
    assert office.promote(overall=60) == 0, "the room of others was taken"
    assert office.states(batch)[None] == 12


def test_several_feeders_begin_each_item_once_and_hold_one_credit_for_it(office: Office) -> None:
    batch = office.submit(office.book.account(credit=100), 8)
    with ThreadPoolExecutor(4) as threads:
        begun = sum(threads.map(lambda _n: office.promote(), range(8)))
    assert begun == 8
    assert office.states(batch) == {TaskState.QUEUED: 8}
    assert office.book.credit() == 92
    assert office.node.failures == []


def test_a_balance_that_runs_out_fails_the_rest_and_nothing_is_charged_for_it(office: Office) -> None:
    batch = office.submit(office.book.account(credit=12), 12)
    spent = [office.book.task("key", created_at=2e9) for _ in range(7)]
    office.promote()
    assert office.states(batch) == {TaskState.QUEUED: 5, TaskState.NOT_MEETING_REQUIREMENTS: 3, None: 4}
    assert set(spent) <= set(office.ready())
    with office.book.database.reading() as view:
        failed = next(task for _, task in view.batches.items(batch.id, 5, 1) if task is not None)
    assert "no credits" in (failed.message or "")
    assert [(one.state, one.charged) for one in office.told] == [(TaskState.NOT_MEETING_REQUIREMENTS, 0)] * 3
    assert office.book.entries(failed.id) == []
    assert f"sources/{failed.id}" not in office.files()
    office.work()
    while office.get(batch.id).completed_at is None:
        office.promote()
    assert office.states(batch) == {TaskState.SUCCEEDED: 5, TaskState.NOT_MEETING_REQUIREMENTS: 7}
    assert office.book.credit() == 0


def test_what_waits_too_long_ends_as_timed_out(office: Office) -> None:
    batch = office.submit(office.book.account(), 3)
    office.clock.move(25 * HOUR_S)
    office.promote()
    office.promote()
    assert office.states(batch) == {TaskState.TIMED_OUT: 3}
    assert office.get(batch.id).completed_at == office.clock()
    assert office.book.credit() == 10


def test_some_of_what_waits_is_ended_and_the_rest_waits_on(office: Office) -> None:
    batch = office.submit(office.book.account(credit=10), 4)
    with office.book.database.transaction() as change:
        ids = [item.task_id for item in change.batches.waiting(batch.id, 10)]
        lost = Outcome(TaskState.FAILED, "its source is gone")
        assert change.batches.end_waiting(batch, lost, office.clock(), [*ids[1:3], "another"]) == ids[1:3]
        assert change.batches.end_waiting(batch, lost, office.clock(), ids[1:3]) == []
        assert change.batches.end_waiting(batch, lost, office.clock(), []) == []
    assert office.states(batch) == {None: 2, TaskState.FAILED: 2}
    ended = office.book.get(ids[1])
    assert (ended.message, ended.completed_at, ended.held, ended.charged) == (lost.message, office.clock(), 0, 0)
    office.promote()
    office.work()
    office.promote()
    assert office.get(batch.id).completed_at is not None
    assert office.book.credit() == 8


def test_a_batch_and_all_of_it_stay_until_an_hour_after_its_end(office: Office) -> None:
    clock, account = office.clock, office.book.account(credit=100)
    batch = office.submit(account, 12)
    office.promote()
    office.work()
    clock.move(3 * HOUR_S)
    sweeper = Sweeper(office.book.database, office.blobs, office.node.local, HOUR_S, 1e9, HOUR_S, clock, office.clock)
    sweeper.sweep()
    sweeper.longest_wait_s = -3 * HOUR_S  # every file counts as old
    sweeper.sweep_files()
    assert office.states(batch) == {TaskState.SUCCEEDED: 8, None: 4}
    assert len(office.files()) == 12
    sweeper.longest_wait_s = 1e9
    office.promote()
    office.work()
    office.promote()
    clock.move(HOUR_S - 1)
    sweeper.sweep()
    assert office.desk.status(account, batch.id).counts == {TaskState.SUCCEEDED: 12}
    clock.move(2)
    with pytest.raises(NotFoundError):
        office.desk.status(account, batch.id)
    sweeper.sweep()
    assert office.files() == set()
    with office.book.database.reading() as view:
        assert view.batches.get(batch.id) is None
        assert [view.tasks.get(task_id) for task_id in view.batches.task_ids(batch.id)] == []


def test_a_batch_that_is_refused_leaves_nothing(office: Office) -> None:
    account = office.book.account()

    def broken() -> list[NamedSource]:
        raise BodyError("broken")

    def sources(many: int, *, breaks: bool = False) -> object:
        for number in range(many):
            yield NamedSource(str(number), Upload(b"x"))
        if breaks:
            broken()

    for wrong, error in (
        (sources(0), SourceCountError),
        (sources(1001), SourceCountError),
        (sources(3, breaks=True), BodyError),
    ):
        with pytest.raises(error):
            office.desk.submit(account, wrong, TERMS, BatchSize(0))  # type: ignore[arg-type] # a generator of named sources
    assert office.files() == set()
    office.submit(account, 1)
    office.submit(account, 1)
    with pytest.raises(QueueFullError):
        office.submit(account, 1)
    assert len(office.files()) == 2


def test_a_batch_sent_again_under_its_key_is_the_first_one(office: Office) -> None:
    account, once = office.book.account(), BatchTerms(TERMS.options, None, "once")
    first = office.submit(account, 3, once)
    assert office.submit(account, 3, once).id == first.id
    with pytest.raises(KeyReusedError):
        office.submit(account, 4, once)
    assert len(office.files()) == 3
    with pytest.raises(NotFoundError):
        office.desk.status(office.book.account("other"), first.id)
