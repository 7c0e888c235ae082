"""What nobody wants any more ends at once, whoever has it, and costs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.ledger import Book, SettableClock, success
from tests.support.ports import Node

from leanpix.domain.account import Account
from leanpix.domain.errors import KeyRefusedError, NotFoundError
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.webhook import Callback
from leanpix.service.batch import BatchBounds, BatchDesk, BatchSize, BatchTerms, NamedSource
from leanpix.service.blob_keys import source_key
from leanpix.service.cancel import Cancel
from leanpix.service.execute import KEY_REVOKED, record
from leanpix.service.observing import Ended
from leanpix.service.promote_batch_items import PromoteBatchItems
from leanpix.service.query import Query
from leanpix.service.submit import QueueBounds, Submit, Upload
from leanpix.stores.files.blobs import LocalBlobs

OPTIONS = CompressionOptions(quality=80)


@dataclass
class Desk:
    """The use cases over one database."""

    book: Book
    node: Node
    blobs: LocalBlobs
    clock: SettableClock
    told: list[Ended] = field(default_factory=list)

    @property
    def batches(self) -> BatchDesk:
        return BatchDesk(self.book.database, self.blobs, BatchBounds(5, 10_000, 10_000), 3600, self.clock)

    @property
    def cancel(self) -> Cancel:
        query = Query(self.book.database, self.node.rates, 3600, self.clock)
        return Cancel(
            self.book.database, self.blobs, self.node.signals, query, self.batches, self.clock, self.told.append
        )

    def promote(self) -> None:
        PromoteBatchItems(
            database=self.book.database,
            blobs=self.blobs,
            signals=self.node.signals,
            bounds=QueueBounds(32, 100),
            longest_s=1e6,
            now=self.clock,
            on_error=self.node.failures.append,
        )()

    def batch(self, account: Account, many: int) -> str:
        sources = (NamedSource(f"{number}.jpg", Upload(b"x")) for number in range(many))
        terms = BatchTerms(OPTIONS, Callback("https://a.example/hook", "https://me"))
        return self.batches.submit(account, sources, terms, BatchSize(many, many))

    def revoke(self, key_id: str = "key") -> None:
        with self.book.database.transaction() as change:
            assert change.accounts.revoke(key_id, self.clock())


@pytest.fixture
def desk(book: Book, node: Node, tmp_path: Path, clock: SettableClock) -> Desk:
    return Desk(book, node, LocalBlobs(tmp_path / "files", 0), clock)


def test_a_waiting_task_ends_and_its_source_goes(desk: Desk) -> None:
    account, task_id = desk.book.account(), desk.book.task()
    desk.blobs.put(source_key(task_id), b"source")
    for _ in range(2):
        ended = desk.cancel.task(account, task_id)
        assert (ended.state, ended.charged) == (TaskState.CANCELLED, 0)
    assert desk.book.entries(task_id) == [("hold", -1), ("release", 1)]
    assert desk.blobs.get(source_key(task_id)) is None
    assert [one.state for one in desk.told] == [TaskState.CANCELLED]


def test_a_running_task_ends_and_its_worker_can_record_nothing_and_is_told(desk: Desk) -> None:
    account = desk.book.account()
    running = desk.book.claimed(desk.book.task())
    desk.cancel.task(account, running.id)
    with desk.book.database.autocommit() as change:
        assert list(change.tasks.beat([running.fence])) == [running.fence]
    with desk.book.database.transaction() as change:
        assert record(change, running, success(running), 3.0) is None
    assert desk.book.get(running.id).state is TaskState.CANCELLED
    assert desk.book.credit() == 10


def test_a_task_that_has_ended_stays_as_it_is_and_anothers_is_not_found(desk: Desk) -> None:
    account, other = desk.book.account(), desk.book.account("other")
    done = desk.book.claimed(desk.book.task())
    with desk.book.database.transaction() as change:
        record(change, done, success(done), desk.clock())
    assert desk.cancel.task(account, done.id).state is TaskState.SUCCEEDED
    with pytest.raises(NotFoundError):
        desk.cancel.task(other, done.id)


def test_a_batch_ends_with_all_that_waits_and_runs_and_its_end_is_told_once(desk: Desk) -> None:
    account = desk.book.account(credit=100)
    batch_id = desk.batch(account, 20)
    desk.promote()  # eight of them are tasks now
    with desk.book.database.reading() as view:
        first, second = (entry.task_id for entry in view.tasks.ready(2))
    done, running = desk.book.claimed(first), desk.book.claimed(second)
    with desk.book.database.transaction() as change:
        record(change, done, success(done), desk.clock())
    for _ in range(2):
        assert desk.cancel.batch(account, batch_id).completed_at is not None
    counts = desk.batches.status(account, batch_id).counts
    assert counts == {TaskState.SUCCEEDED: 1, TaskState.CANCELLED: 19}
    assert desk.book.credit() == 99
    assert set(desk.blobs.older_than(-60)) == {source_key(done.id)}
    with desk.book.database.transaction() as change:
        assert record(change, running, success(running), 3.0) is None
    with desk.book.database.reading() as view:
        assert [one.task_id for one in view.deliveries.recent("key", 10)] == [batch_id]
    desk.promote()
    assert desk.book.credit() == 99


def test_revoking_ends_all_of_the_keys_and_nothing_of_others(desk: Desk) -> None:
    account = desk.book.account(credit=200)
    desk.book.account("other")
    batch_id, others = desk.batch(account, 120), desk.book.task("other")
    single = [desk.book.task() for _ in range(60)]
    running = desk.book.claimed(single[0])
    desk.revoke()
    assert desk.cancel.enforce_revocations() == 180
    assert desk.cancel.enforce_revocations() == 0
    assert {desk.book.get(task_id).state for task_id in single} == {TaskState.CANCELLED}
    assert desk.batches.status(account, batch_id).counts == {TaskState.CANCELLED: 120}
    assert desk.book.get(others).state is TaskState.QUEUED
    assert desk.book.credit() == 200
    with desk.book.database.transaction() as change:
        assert record(change, running, success(running), 3.0) is None


def test_items_that_are_begun_before_the_revocation_is_enforced_are_cancelled_by_it(desk: Desk) -> None:
    account = desk.book.account(credit=200)
    batch_id = desk.batch(account, 20)
    desk.revoke()
    desk.promote()
    desk.cancel.enforce_revocations()
    assert desk.batches.status(account, batch_id).counts == {TaskState.CANCELLED: 20}
    assert desk.book.credit() == 200


def test_a_dearer_picture_that_ends_after_the_revocation_is_cancelled_by_it(desk: Desk) -> None:
    desk.book.account(credit=1)
    running = desk.book.claimed(desk.book.task())
    desk.revoke()
    with desk.book.database.transaction() as change:
        ended = record(change, running, success(running, side_px=5000), 3.0)
    assert ended is not None
    assert (ended.state, ended.message) == (TaskState.CANCELLED, KEY_REVOKED)


def test_a_result_that_comes_before_the_revocation_is_enforced_is_not_charged(desk: Desk) -> None:
    desk.book.account()
    running = desk.book.claimed(desk.book.task())
    desk.revoke()
    with desk.book.database.transaction() as change:
        ended = record(change, running, success(running), 3.0)
    assert ended is not None
    assert ended.state is TaskState.CANCELLED
    assert desk.book.credit() == 10


def test_a_request_that_was_let_in_before_the_revocation_is_refused(desk: Desk) -> None:
    account = desk.book.account()
    desk.revoke()
    bounds = QueueBounds(10, 10)
    submit = Submit(desk.book.database, desk.node.rates, desk.blobs, desk.node.signals, bounds, desk.clock)
    with pytest.raises(KeyRefusedError):
        submit.submit(account, Upload(b"x"), OPTIONS, ReturnType.URL)
    with pytest.raises(KeyRefusedError):
        desk.batch(account, 2)
    assert list(desk.blobs.older_than(-60)) == []
