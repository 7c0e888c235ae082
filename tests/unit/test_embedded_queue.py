"""Delivery on one machine: a slot is for working on a picture, not for storing what came of it."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

from tests.support.ledger import Book

from leanpix.queues.embedded import EmbeddedTaskQueue
from leanpix.queues.signals import LocalSignals


def test_the_next_task_begins_while_another_one_is_recorded(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    with Book(tmp_path / "rows.db") as book:
        book.account()
        tasks = [book.task(created_at=float(number)) for number in range(2)]
        queue = EmbeddedTaskQueue(book.database, LocalSignals(), failures.append)
        begun, may_end = {task_id: Event() for task_id in tasks}, Event()

        def handle(task_id: str) -> bool:
            claimed = book.claimed(task_id)
            begun[task_id].set()
            if task_id == tasks[0]:
                queue.free(task_id)
                queue.free(task_id)
            may_end.wait(10)
            return claimed is not None

        runner = Thread(target=queue.run, args=(handle,), kwargs={"concurrency": 1})
        runner.start()
        try:
            assert begun[tasks[0]].wait(10)
            assert begun[tasks[1]].wait(10)
        finally:
            may_end.set()
            queue.stop()
            runner.join(10)
    assert failures == []
