"""Attempts of one process: each is its own, even where a power cut has undone a claim that is then made again."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

from sqlalchemy import text
from tests.support.ledger import Book, SettableClock
from tests.support.ports import Node, over_sql

from leanpix.service.execute import Attempts
from leanpix.service.progress import Progress
from leanpix.stores.files.blobs import LocalBlobs


def told(descriptor: int) -> bool:
    try:
        return os.eventfd_read(descriptor) > 0
    except BlockingIOError:
        return False


@over_sql
def test_two_attempts_with_one_fence_are_given_up_both_and_end_each_by_itself(
    node: Node, book: Book, clock: SettableClock, tmp_path: Path
) -> None:
    """A claim is kept without a wait for the disk: what PostgreSQL forgets of it the worker knows still."""
    attempts = Attempts(
        database=node.database,
        blobs=LocalBlobs(tmp_path / "files", 0),
        signals=node.signals,
        progress=Progress(node.database),
        owner="me",
        now=clock,
        monotonic=clock,
        stopping=Event(),
    )
    book.account()
    task_id = book.task()
    with attempts._attempt_at(task_id, lambda _fence: None) as first:
        with node.database.transaction() as change:
            change.connection.execute(text("UPDATE tasks SET owner = NULL, attempt = 0, state = 0"))
        with attempts._attempt_at(task_id, lambda _fence: None) as second:
            assert first is not None
            assert second is not None
            assert first[0].fence == second[0].fence
            attempts.give_up(first[0].fence)
            assert told(first[1])
            assert told(second[1])
        attempts.give_up(first[0].fence)
        assert told(first[1])
