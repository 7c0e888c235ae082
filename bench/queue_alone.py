"""What the queue costs by itself: delivery, claim and end, without files or pictures."""

from __future__ import annotations

import time
from threading import Event, Thread

from bench.processor_time import postgres_cpu_s
from tests.support.ledger import Book, success
from tests.support.ports import Node
from tests.support.servers import Postgres


def queue_alone(node: Node, jobs: int, postgres: Postgres, concurrency: int = 2) -> tuple[float, str]:
    """Delivery, claim and end, without files or pictures: jobs a second, and processor time a job."""
    book = Book(node.database)
    book.account(credit=None)
    done, count = Event(), iter(range(1, jobs + 1))

    def handle(task_id: str) -> bool:
        with node.database.autocommit() as change:
            task = change.tasks.claim(task_id, "bench", 2.0)
        if task is None:
            return False
        with node.database.transaction() as change:
            change.tasks.finish(task.fence, success(task), 3.0, 1)
            change.accounts.settle(task.key_id, task.id, 1, 3.0)
        if next(count) == jobs:
            done.set()
        return True

    for _ in range(jobs):
        task_id = book.task()
        with node.database.autocommit() as change:
            change.enqueue(task_id)
    deliveries = node.new_deliveries()
    thread = Thread(target=deliveries.run, args=(handle,), kwargs={"concurrency": concurrency})
    begun, own, servers = time.perf_counter(), time.process_time(), postgres_cpu_s(postgres)
    thread.start()
    done.wait()
    taken, own, servers = time.perf_counter() - begun, time.process_time() - own, postgres_cpu_s(postgres) - servers
    deliveries.stop()
    thread.join()
    return jobs / taken, f"{1000 * own / jobs:.1f} ms, {1000 * servers / jobs:.1f} ms in PostgreSQL"
