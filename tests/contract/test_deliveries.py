"""Delivery and wake-ups: whatever was accepted reaches exactly one claim, whoever dies or stops."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import Event, Lock, Thread

import psycopg
import pytest
from sqlalchemy import text
from tests.support.ledger import Book, SettableClock, success
from tests.support.ports import Node, migrated_database, postgres_node
from tests.support.servers import Postgres

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task
from leanpix.queues import postgres as jobs
from leanpix.queues.settings import QueueSettings
from leanpix.service.ports import TaskQueue

WAIT_S = 20.0
QUEUE = QueueSettings(heartbeat_s=0.2, stale_s=1)


def submitted(book: Book, key_id: str = "key", created_at: float = 1.0) -> str:
    """A waiting task whose delivery was written with it."""
    task_id = book.task(key_id, created_at=created_at)
    with book.database.transaction() as change:
        change.enqueue(task_id)
    return task_id


def deliver(book: Book, node: Node, task_id: str) -> None:
    """Have a task delivered that is there already."""
    with book.database.transaction() as change:
        change.enqueue(task_id)
    node.signals.work_added()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


class Worker:
    """Claims what it is handed; ends it too unless told to keep it."""

    def __init__(self, book: Book, *, ends: bool = True) -> None:
        self.book, self.ends = book, ends
        self.won: list[str] = []
        self._lock = Lock()

    def __call__(self, task_id: str) -> bool:
        with self.book.database.autocommit() as change:
            task = change.tasks.claim(task_id, "worker", 2.0)
        if task is None:
            return False
        with self._lock:
            self.won.append(task_id)
        if self.ends:
            with self.book.database.transaction() as change:
                change.tasks.finish(task.fence, success(task), 3.0, 1)
        return True


def submitted_at_last(book: Book) -> str:
    """The same, where a connection may be lost: that is seen when it is used, and nothing was kept then."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return submitted(book)
        except StoreUnavailableError:
            assert time.monotonic() < deadline


@contextmanager
def running(
    deliveries: TaskQueue, handle: Callable[[str], bool], concurrency: int = 2, spare: int = 0
) -> Iterator[None]:
    slots = {"concurrency": concurrency, "spare": spare}
    thread = Thread(target=deliveries.run, args=(handle,), kwargs=slots)
    thread.start()
    try:
        yield
    finally:
        deliveries.stop()
        thread.join(WAIT_S)
    assert not thread.is_alive()


def test_every_task_is_claimed_once_over_two_nodes(node: Node, book: Book) -> None:
    book.account(credit=100)
    workers = [Worker(book), Worker(book)]
    with running(node.new_deliveries(), workers[0]), running(node.new_deliveries(), workers[1]):
        tasks = [submitted(book) for _ in range(20)]
        until(lambda: sum(len(worker.won) for worker in workers) >= len(tasks))
    assert Counter(workers[0].won + workers[1].won) == Counter(tasks)


def test_what_waited_before_a_worker_came_is_delivered(node: Node, book: Book) -> None:
    book.account(credit=100)
    tasks, worker = [submitted(book) for _ in range(3)], Worker(book)
    with running(node.new_deliveries(), worker):
        until(lambda: len(worker.won) == 3)
    assert sorted(worker.won) == sorted(tasks)


def test_one_keys_backlog_does_not_delay_another_keys_first_task(node: Node, book: Book) -> None:
    book.account("flooding", 1000)
    book.account("modest", 1000)
    for number in range(20):
        submitted(book, "flooding", created_at=float(number))
    first, worker = submitted(book, "modest", created_at=100.0), Worker(book, ends=False)
    with running(node.new_deliveries(), worker, concurrency=1):
        until(lambda: len(worker.won) == 21)
    assert worker.won.index(first) <= 1


def test_a_key_with_a_long_line_leaves_the_last_slot_to_one_that_was_just_served(node: Node, book: Book) -> None:
    book.account("flooding", 1000)
    book.account("modest", 1000)
    clock, open_gate, begun, flood = SettableClock(), Event(), list[str](), set[str]()
    worker = Worker(book)

    def handle(task_id: str) -> bool:
        begun.append(task_id)
        if task_id in flood:
            open_gate.wait(WAIT_S)
        return worker(task_id)

    with running(node.new_deliveries(monotonic=clock), handle):
        first = submitted(book, "modest")
        until(lambda: worker.won == [first])
        flood |= {book.task("flooding") for _ in range(3)}
        for task_id in flood:
            deliver(book, node, task_id)
        until(lambda: len(begun) == 2)
        time.sleep(1.5)  # longer than between two looks for work
        assert len(begun) == 2, "the flooding key has taken the slot that was kept"
        second = submitted(book, "modest", created_at=100.0)
        node.signals.work_added()
        until(lambda: worker.won == [first, second])
        clock.move(2.1)
        node.signals.work_added()
        until(lambda: len(begun) == 4)
        open_gate.set()
        until(lambda: len(worker.won) == 5)


def test_a_worker_whose_free_slots_are_for_other_keys_leaves_a_task_to_an_idle_one(node: Node, book: Book) -> None:
    book.account(credit=100)
    begun, open_gate, worker = list[str](), Event(), Worker(book)

    def handle(task_id: str) -> bool:
        won = worker(task_id)
        if won:
            begun.append(task_id)
            open_gate.wait(2 * WAIT_S)
        return won

    with ExitStack() as stack:
        stack.enter_context(running(node.new_deliveries(), handle, concurrency=1, spare=1))
        stack.callback(open_gate.set)
        tasks = [submitted(book) for _ in range(2)]
        node.signals.work_added()
        until(lambda: len(begun) == 1)
        time.sleep(0.5)  # the other delivery has come to the slot that is not for this key
        stack.enter_context(running(node.new_deliveries(), handle, concurrency=1, spare=1))
        stack.callback(open_gate.set)
        until(lambda: len(begun) == 2)
    assert sorted(begun) == sorted(tasks)


def test_a_handler_that_fails_gets_the_task_again(node: Node, book: Book) -> None:
    book.account(credit=100)
    task_id, worker, failed = submitted(book), Worker(book), Event()

    def handle(chosen: str) -> bool:
        if not failed.is_set():
            failed.set()
            raise ConnectionError
        return worker(chosen)

    with running(node.new_deliveries(), handle):
        until(lambda: worker.won == [task_id])
    assert [type(failure) for failure in node.failures] == [ConnectionError]


def test_stopping_waits_for_what_runs_and_delivers_nothing_more(node: Node, book: Book) -> None:
    book.account(credit=100)
    started, go, ended = Event(), Event(), Event()
    worker = Worker(book)

    def handle(task_id: str) -> bool:
        worker(task_id)
        started.set()
        go.wait(WAIT_S)
        ended.set()
        return True

    submitted(book)
    deliveries = node.new_deliveries()
    thread = Thread(target=deliveries.run, args=(handle,), kwargs={"concurrency": 1})
    thread.start()
    started.wait(WAIT_S)
    deliveries.stop()
    left = submitted(book)
    time.sleep(0.3)
    assert thread.is_alive(), "a task was in hand"
    go.set()
    thread.join(WAIT_S)
    assert ended.is_set()
    assert not thread.is_alive()
    assert left not in worker.won
    node.mend()
    with running(node.new_deliveries(), worker):
        until(lambda: left in worker.won)


def test_an_ended_task_wakes_who_waits_for_it(node: Node) -> None:
    async def waited() -> None:
        if node.listener is not None:
            node.listener.start()
            await asyncio.sleep(0.5)
        waiting, other = node.local.subscribe("task"), node.local.subscribe("other")
        await asyncio.to_thread(node.signals.task_ended, "task")
        await asyncio.wait_for(waiting, WAIT_S)
        assert not other.done()
        other.cancel()

    asyncio.run(waited())
    if node.listener is not None:
        node.listener.stop()


def test_whoever_begins_to_wait_a_moment_after_the_end_is_told_once(node: Node) -> None:
    async def waited() -> None:
        if node.listener is not None:
            node.listener.start()
            await asyncio.sleep(0.5)
        await asyncio.to_thread(node.signals.task_ended, "task")
        await asyncio.sleep(0.5)
        assert node.local.subscribe("task").done()
        again = node.local.subscribe("task")
        assert not again.done(), "it would ask the database without a pause"
        again.cancel()

    asyncio.run(waited())
    if node.listener is not None:
        node.listener.stop()


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[Node]:
    with postgres_node(migrated_database(postgres), QUEUE) as node:
        yield node


@pytest.mark.parametrize("length", [10, 9000])
def test_another_node_is_told_how_a_task_ended_where_the_database_can_carry_it(postgres: Postgres, length: int) -> None:
    url = migrated_database(postgres)
    with postgres_node(url, QUEUE) as here, postgres_node(url, QUEUE) as there:
        book = Book(here.database)
        book.account()
        task = book.claimed(book.task())
        ended = replace(task, state=TaskState.INVALID_IMAGE, message="e" * length, completed_at=3.25, owner=None)

        async def told() -> Task | None:
            assert there.listener is not None
            there.listener.start()
            await asyncio.sleep(0.5)  # what it hears first is to look again, whatever has ended
            waiting = there.local.subscribe(task.id)
            await asyncio.to_thread(here.signals.task_ended, task.id, ended)
            await asyncio.wait_for(waiting, WAIT_S)
            there.listener.stop()
            return waiting.result()

        assert asyncio.run(told()) == (ended if length == 10 else None)


@pytest.mark.parametrize("payload", ["{", "{}", '{"id": "task", "state": 99}', "no id of a task"])
def test_what_is_not_understood_of_another_version_is_ignored(shared: Node, payload: str) -> None:
    """Waiters poll as well."""
    assert shared.listener is not None
    assert shared.engine is not None

    async def told() -> None:
        assert shared.listener is not None
        shared.listener.start()
        await asyncio.sleep(0.5)
        waiting = shared.local.subscribe("task")
        await asyncio.to_thread(notify, shared, payload)
        await asyncio.to_thread(shared.signals.task_ended, "other")
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await asyncio.to_thread(notify, shared, "task")
        assert await asyncio.wait_for(waiting, WAIT_S) is None

    asyncio.run(told())
    shared.listener.stop()
    assert shared.failures == []


def notify(node: Node, payload: str) -> None:
    assert node.engine is not None
    with node.engine.connect() as connection:
        connection.execute(text("SELECT pg_notify('leanpix_ended', :payload)"), {"payload": payload})


def jobs_left(node: Node) -> int:
    assert node.engine is not None
    with node.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one())


def test_a_job_that_a_dead_worker_had_fetched_is_delivered_again(shared: Node) -> None:
    book = Book(shared.database)
    book.account()
    task_id, worker = submitted(book), Worker(book)
    assert shared.engine is not None
    with shared.engine.begin() as connection:  # a worker that registered, fetched and died before it claimed
        connection.execute(text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '9 s')"))
        taken = (
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT max(id) FROM procrastinate_workers)"
        )
        connection.execute(text(taken))
    with running(shared.new_deliveries(), worker):
        time.sleep(0.5)
        assert worker.won == []
        shared.mend()
        until(lambda: worker.won == [task_id])
        until(lambda: jobs_left(shared) == 0)


def test_work_is_heard_of_and_need_not_be_looked_for(shared: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_POLL_S", 10 * WAIT_S)
    book = Book(shared.database)
    book.account(credit=100)
    tasks, worker = [submitted(book) for _ in range(5)], Worker(book)
    with running(shared.new_deliveries(), worker):
        until(lambda: len(worker.won) == 5)
        tasks += [submitted(book) for _ in range(5)]
        until(lambda: len(worker.won) == 10)
        until(lambda: jobs_left(shared) == 0)
    assert sorted(worker.won) == sorted(tasks)


def workers(node: Node) -> list[int]:
    assert node.engine is not None
    with node.engine.connect() as connection:
        return list(connection.scalars(text("SELECT id FROM procrastinate_workers")))


def test_a_worker_that_was_taken_for_dead_registers_anew_and_goes_on(shared: Node) -> None:
    book = Book(shared.database)
    book.account(credit=100)
    handled = Worker(book)
    with running(shared.new_deliveries(), handled):
        first = submitted(book)
        until(lambda: handled.won == [first])
        before = workers(shared)
        assert shared.engine is not None
        with shared.engine.connect() as connection:
            connection.execute(text("DELETE FROM procrastinate_workers"))
        until(lambda: len(workers(shared)) == 1)
        assert workers(shared) != before
        second = submitted(book)
        until(lambda: handled.won == [first, second])
    assert workers(shared) == []
    assert shared.failures == []


def test_a_worker_whose_job_was_ended_by_another_meanwhile_goes_on_and_tells_of_no_failure(
    shared: Node, caplog: pytest.LogCaptureFixture
) -> None:
    book = Book(shared.database)
    book.account()
    first, handled = submitted(book), Worker(book)

    def handed_on(task_id: str) -> bool:
        if task_id == first:
            assert shared.engine is not None
            with shared.engine.connect() as connection:
                connection.execute(text("DELETE FROM procrastinate_jobs"))
        return handled(task_id)

    with running(shared.new_deliveries(), handed_on):
        until(lambda: handled.won == [first])
        second = submitted(book)
        until(lambda: handled.won == [first, second])
        until(lambda: jobs_left(shared) == 0)
    assert shared.failures == []
    assert [record.getMessage() for record in caplog.records if record.exc_info is not None] == []


def test_a_waiting_task_whose_delivery_was_lost_is_delivered(shared: Node) -> None:
    book = Book(shared.database)
    book.account()
    task_id, worker = book.task(), Worker(book)
    with running(shared.new_deliveries(), worker):
        shared.mend()
        shared.mend()
        until(lambda: worker.won == [task_id])
        until(lambda: jobs_left(shared) == 0)


def test_deliveries_and_wakeups_survive_the_loss_of_every_connection(shared: Node, postgres: Postgres) -> None:
    book = Book(shared.database)
    book.account(credit=100)
    worker = Worker(book)
    assert shared.listener is not None
    shared.listener.start()
    with running(shared.new_deliveries(), worker):
        submitted(book)
        until(lambda: len(worker.won) == 1)
        cut_all(postgres)
        tasks = [submitted_at_last(book) for _ in range(5)]
        until(lambda: set(tasks) <= set(worker.won))
    assert set(tasks) <= set(worker.won)

    async def woken() -> None:
        waiting = shared.local.subscribe("task")
        while not waiting.done():
            await asyncio.to_thread(shared.signals.task_ended, "task")
            await asyncio.sleep(0.1)

    asyncio.run(asyncio.wait_for(woken(), WAIT_S))
    shared.listener.stop()


def cut_all(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'")
