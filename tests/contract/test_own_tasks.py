"""A node of many that works begins at once with what it accepts while somebody waits, and takes turns with the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
from tests.contract.test_deliveries import WAIT_S, running, submitted, until
from tests.support.ledger import Book, SettableClock, success
from tests.support.ports import Node

from leanpix.domain.account import Account
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.task import Task
from leanpix.service.claimed_tasks import ClaimedTasks
from leanpix.service.execute import record
from leanpix.service.submit import QueueBounds, Submit, Upload
from leanpix.stores.files.blobs import LocalBlobs
from leanpix.stores.sql.tasks import SqlTasks

CONTENT = b"a picture"
only_shared = pytest.mark.parametrize("node", ["postgres"], indirect=True)


@dataclass
class Worker:
    """Ends what it is handed once its gate is open. own: the tasks that began as they were accepted."""

    book: Book
    claimed: ClaimedTasks
    gate: Event = field(default_factory=Event)
    own: list[Task] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)

    def __call__(self, task_id: str) -> bool:
        task = self.claimed.take(task_id)
        if task is not None:
            self.own.append(task)
        else:
            with self.book.database.autocommit() as change:
                task = change.tasks.claim(task_id, self.claimed.owner, 2.0)
            if task is None:
                return False
            self.delivered.append(task_id)
        self.gate.wait(WAIT_S)
        with self.book.database.transaction() as change:
            record(change, task, success(task), 3.0)
        return True


@dataclass
class Desk:
    """A node that accepts and works, with one slot."""

    book: Book
    submit: Submit
    worker: Worker

    def waited(self, account: Account) -> str:
        return self.submit.submit(
            account, Upload(CONTENT), CompressionOptions(quality=80), ReturnType.URL, is_awaited=True
        )

    def ended(self, *tasks: str) -> bool:
        return all(self.book.get(task_id).state.is_final for task_id in tasks)


@contextmanager
def desk_of(node: Node, book: Book, folder: Path) -> Iterator[Desk]:
    claimed = ClaimedTasks("this node")
    submit = Submit(
        node.database, node.rates, LocalBlobs(folder, 0), node.signals, QueueBounds(100, 100), SettableClock(),
        claimed=claimed, row_source_bytes=lambda: 1000,
    )  # fmt: skip
    desk, warm = Desk(book, submit, Worker(book, claimed)), book.account("warm")
    with running(node.new_deliveries(), desk.worker, concurrency=1):
        desk.worker.gate.set()
        while not desk.worker.own:  # until the node has come so far
            first = desk.waited(warm)
            until(lambda: desk.ended(first))  # noqa: B023 - asked at once
        desk.worker.gate.clear()
        desk.worker.own.clear()
        desk.worker.delivered.clear()
        try:
            yield desk
        finally:
            desk.worker.gate.set()


@pytest.fixture
def desk(node: Node, book: Book, tmp_path: Path) -> Iterator[Desk]:
    with desk_of(node, book, tmp_path) as desk:
        yield desk


@only_shared
def test_with_nothing_before_it_a_task_begins_as_it_is_accepted(desk: Desk, book: Book) -> None:
    task_id = desk.waited(book.account())
    until(lambda: bool(desk.worker.own))
    row = book.get(task_id)
    assert (row.owner, row.attempt) == ("this node", 1)
    assert [(task.id, task.fence, task.source) for task in desk.worker.own] == [(task_id, row.fence, CONTENT)]
    desk.worker.gate.set()
    until(lambda: desk.ended(task_id))
    assert desk.worker.delivered == []
    assert book.entries(task_id) == [("hold", -1), ("settle", -1)]


@only_shared
def test_what_finds_the_slot_taken_waits_in_line(desk: Desk, book: Book) -> None:
    account = book.account()
    first, second = desk.waited(account), desk.waited(account)
    until(lambda: bool(desk.worker.own))
    assert book.get(second).owner is None
    desk.worker.gate.set()
    until(lambda: desk.ended(first, second))
    assert ([task.id for task in desk.worker.own], desk.worker.delivered) == ([first], [second])


@only_shared
def test_what_waits_comes_before_what_is_accepted(desk: Desk, book: Book) -> None:
    book.account("earlier")
    earlier = book.task("earlier")  # in line, and nobody was told
    later = desk.waited(book.account())
    desk.worker.gate.set()
    until(lambda: desk.ended(earlier, later))
    assert desk.worker.own == []
    assert desk.worker.delivered[0] == earlier


@only_shared
def test_a_promised_task_waits_in_line_where_any_node_may_take_it(desk: Desk, book: Book) -> None:
    task_id = desk.submit.submit(book.account(), Upload(CONTENT), CompressionOptions(quality=80), ReturnType.URL)
    desk.worker.gate.set()
    until(lambda: desk.ended(task_id))
    assert (desk.worker.own, desk.worker.delivered) == ([], [task_id])


@only_shared
def test_a_slot_whose_task_was_not_kept_is_free_again(desk: Desk, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    account = book.account()
    with monkeypatch.context() as patch:
        patch.setattr(SqlTasks, "add", refuse)
        with pytest.raises(ValueError, match="no row"):
            desk.waited(account)
    task_id = desk.waited(account)
    until(lambda: [task.id for task in desk.worker.own] == [task_id])


@only_shared
def test_a_job_that_comes_while_the_slot_is_taken_is_done_afterwards(desk: Desk, book: Book) -> None:
    own = desk.waited(book.account())
    until(lambda: bool(desk.worker.own))
    job = submitted(book, book.account("other").id)
    desk.worker.gate.set()
    until(lambda: desk.ended(own, job))
    assert desk.worker.delivered == [job]


def refuse(*_arguments: object) -> None:
    raise ValueError("no row")
