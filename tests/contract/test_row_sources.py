"""Small uploads of a shared database: they wait in their tasks' rows, and go with the end; small results stay there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.ledger import Book, SettableClock, success
from tests.support.ports import Node

from leanpix.domain.account import Account
from leanpix.domain.errors import QueueFullError, StoreUnavailableError
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome, StoredResult, Task
from leanpix.service.cancel import CANCELLED
from leanpix.service.execute import drop_source, record
from leanpix.service.ports import Transaction
from leanpix.service.row_results import RowResults
from leanpix.service.submit import Address, QueueBounds, Submit, Upload
from leanpix.stores.files.blobs import LocalBlobs

MOST = 100
OPTIONS = CompressionOptions(quality=80)


@pytest.fixture
def submit(node: Node, clock: SettableClock, tmp_path: Path) -> Submit:
    blobs = LocalBlobs(tmp_path / "files", 0)
    bounds = QueueBounds(4, 100)
    return Submit(node.database, node.rates, blobs, node.local, bounds, clock, row_source_bytes=lambda: MOST)


def accept(submit: Submit, account: Account, source: Upload | Address, token: str | None = None) -> str:
    return submit.submit(account, source, OPTIONS, ReturnType.URL, token)


def stored(submit: Submit) -> list[str]:
    return list(submit.blobs.older_than(-60))


def source(book: Book, task_id: str) -> bytes | None:
    with book.database.reading() as view:
        return view.tasks.source(task_id)


def test_a_small_upload_lies_in_the_row_until_its_task_has_ended(submit: Submit, book: Book) -> None:
    account = book.account()
    task_id = accept(submit, account, Upload(b"x" * MOST))
    assert stored(submit) == []
    for attempt in (1, 2):
        claimed = book.claimed(task_id)
        assert (claimed.source_in_row, claimed.attempt) == (True, attempt)
        assert claimed.source == source(book, task_id) == b"x" * MOST
        if attempt == 1:
            with book.database.transaction() as change:
                assert change.tasks.hand_back(claimed.fence)
    with book.database.transaction() as change:
        ended = record(change, claimed, success(claimed), 3.0)
    assert ended is not None
    assert ended.source_in_row is book.get(task_id).source_in_row is False
    assert source(book, task_id) is None


def test_what_is_larger_kept_or_to_be_fetched_lies_in_the_file_store(
    submit: Submit, book: Book, tmp_path: Path
) -> None:
    account = book.account()
    file = tmp_path / "spooled"
    file.write_bytes(b"spooled")
    sources: list[Upload | Address] = [
        Upload(b"x" * (MOST + 1)),
        Upload(b"kept", is_kept=True),
        Upload(file),
        Address("https://a.example/1.jpg"),
    ]
    tasks = [accept(submit, account, one) for one in sources]
    assert sorted(stored(submit)) == sorted(f"sources/{task_id}" for task_id in tasks)
    assert [book.get(task_id).source_in_row for task_id in tasks] == [False] * 4
    assert [source(book, task_id) for task_id in tasks] == [None] * 4


def test_one_that_is_cancelled_refused_or_sent_again_leaves_nothing(submit: Submit, book: Book) -> None:
    account = book.account()
    task_id = accept(submit, account, Upload(b"picture"), "token")
    assert accept(submit, account, Upload(b"picture"), "token") == task_id
    with book.database.transaction() as change:
        seized = change.tasks.seize(task_id, "cancel")
        assert seized is not None
        assert seized.source_in_row
        assert record(change, seized, Outcome(TaskState.CANCELLED, CANCELLED), 3.0) is not None
    drop_source(submit.blobs, seized, TaskState.CANCELLED)
    assert source(book, task_id) is None
    for _ in range(4):
        accept(submit, account, Upload(b"picture"))
    with pytest.raises(QueueFullError):
        accept(submit, account, Upload(b"picture"))
    assert stored(submit) == []


def ended_with(book: Book, task_id: str, content: bytes, owner: str = "me") -> Task:
    """The task as it has ended, with its result in its row."""
    claimed = book.claimed(task_id, owner)
    outcome = with_content(claimed, content)
    with book.database.transaction() as change:
        ended = record(change, claimed, outcome, 3.0)
    assert ended is not None
    return ended


def with_content(task: Task, content: bytes) -> Outcome:
    key = f"results/{task.id}/{task.id}-{task.attempt}.jpg"
    result = StoredResult(key, OutputFormat.JPG, len(content), in_row=True)
    return replace(success(task), result=result, content=content)


@pytest.fixture
def results(submit: Submit, node: Node) -> RowResults:
    return RowResults(submit.blobs, node.database, node.database.reading)


def test_a_small_result_lies_in_the_row_and_is_read_by_its_key(submit: Submit, book: Book, results: RowResults) -> None:
    task_id = accept(submit, book.account(), Upload(b"picture"))
    ended = ended_with(book, task_id, b"result")
    assert ended.result == book.get(task_id).result
    assert ended.result is not None
    assert ended.result.in_row
    assert results.get(ended.result.blob) == b"result"
    found = results.stream(ended.result.blob)
    assert found is not None
    assert (found.size_bytes, b"".join(found)) == (6, b"result")
    assert results.get(ended.result.blob.replace("-1.jpg", "-2.jpg")) is None
    assert stored(submit) == []
    with book.database.transaction() as change:
        change.tasks.delete([task_id])
    assert results.get(ended.result.blob) is None


def test_an_attempt_that_has_lost_its_task_leaves_no_result_in_the_row(
    submit: Submit, book: Book, results: RowResults
) -> None:
    task_id = accept(submit, book.account(), Upload(b"picture"))
    lost = book.claimed(task_id, "lost")
    with book.database.transaction() as change:
        assert change.tasks.hand_back(lost.fence)
    ended = ended_with(book, task_id, b"result")
    with book.database.transaction() as change:
        assert record(change, lost, with_content(lost, b"late"), 4.0) is None
    assert ended.result is not None
    assert results.get(ended.result.blob) == b"result"
    assert results.get(ended.result.blob.replace("-2.jpg", "-1.jpg")) is None


def test_results_in_the_store_are_read_there_also_while_the_database_is_away(
    submit: Submit, book: Book, results: RowResults
) -> None:
    task_id = accept(submit, book.account(), Upload(b"picture"))
    claimed = book.claimed(task_id)
    key = f"results/{task_id}/{task_id}-1.jpg"
    submit.blobs.put(key, b"large")
    with book.database.transaction() as change:
        outcome = replace(success(claimed), result=StoredResult(key, OutputFormat.JPG, 5))
        assert record(change, claimed, outcome, 3.0) is not None
    assert not book.get(task_id).result.in_row  # type: ignore[union-attr] # it has one

    @contextmanager
    def away() -> Iterator[Transaction]:
        raise StoreUnavailableError
        yield

    for one in (results, replace(results, glancing=away)):
        assert one.get(key) == b"large"
        assert one.get("sources/none") is None
    in_row = ended_with(book, accept(submit, book.account("other"), Upload(b"picture")), b"small")
    assert in_row.result is not None
    assert replace(results, glancing=away).get(in_row.result.blob) == b"small", "once the database answers again"
