"""Small uploads of a shared database: they wait in their tasks' rows, and go with the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.ledger import Book, SettableClock, success
from tests.support.ports import Node

from leanpix.domain.account import Account
from leanpix.domain.errors import QueueFullError
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome
from leanpix.service.cancel import CANCELLED
from leanpix.service.execute import drop_source, record
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
        assert source(book, task_id) == b"x" * MOST
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
