"""Tasks that were claimed as they were accepted."""

from __future__ import annotations

from pathlib import Path

from tests.support.ledger import Book

from leanpix.service.claimed_tasks import ClaimedTasks


def test_a_claim_that_came_with_the_acceptance_is_told_once(tmp_path: Path) -> None:
    with Book(tmp_path / "rows.db") as book:
        book.account()
        claimed, task = ClaimedTasks("here"), book.begun_task("here")
    claimed.put(task)
    assert [claimed.take(task.id) for _ in range(2)] == [task, None]
    assert claimed.take("another") is None
