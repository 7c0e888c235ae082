"""Jumping wall clocks, silent workers, forgotten tasks, results past their hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.ledger import Book, SettableClock, success

from leanpix.domain.states import TaskState
from leanpix.domain.task import MAX_ATTEMPTS
from leanpix.queues.signals import LocalSignals
from leanpix.service.blob_keys import source_key
from leanpix.service.execute import record
from leanpix.service.maintain import Reaper, Sweeper
from leanpix.stores.files.blobs import LocalBlobs

YEAR_S = 365 * 86400.0


@dataclass
class House:
    """A database, its files, and those who keep them, under clocks that the test moves."""

    book: Book
    blobs: LocalBlobs
    wall: SettableClock
    steady: SettableClock
    reaper: Reaper
    sweeper: Sweeper

    def beat(self, *task_ids: str) -> None:
        with self.book.database.transaction() as change:
            change.tasks.beat([self.book.get(task_id).fence for task_id in task_ids])

    def end(self, task_id: str) -> None:
        task = self.book.claimed(task_id)
        self.blobs.put(f"results/{task.id}/1.jpg", b"result")
        with self.book.database.transaction() as change:
            record(change, task, success(task), self.wall())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    book, wall, steady = Book(tmp_path / "test.db"), SettableClock(), SettableClock(100.0)
    book.account(credit=100)
    blobs, signals = LocalBlobs(tmp_path / "files", 0), LocalSignals()
    reaper = Reaper(book.database, signals, stale_s=6, now=wall, monotonic=steady)
    sweeper = Sweeper(book.database, blobs, signals, 3600, 3600, 3600, wall, steady)
    with book:
        yield House(book, blobs, wall, steady, reaper, sweeper)


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
def test_a_wall_clock_jump_takes_no_task_from_a_live_worker(house: House, jump_s: float) -> None:
    task_id = house.book.task(created_at=house.wall())
    house.book.claimed(task_id)
    house.reaper.sweep()
    house.wall.move(jump_s)
    house.steady.move(5.9)
    assert house.reaper.sweep() == 0
    house.beat(task_id)
    house.steady.move(5.9)
    assert house.reaper.sweep() == 0, "it has shown a sign of life in between"
    assert house.book.get(task_id).owner == "me"


def test_a_silent_workers_task_is_handed_on_and_its_last_attempt_ends_it(house: House) -> None:
    task_id = house.book.task()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert house.book.claimed(task_id).attempt == attempt
        for _ in range(2):
            assert house.reaper.sweep() == 0
            house.steady.move(3)
        assert house.reaper.sweep() == 1
        assert house.book.get(task_id).state is (TaskState.CANCELLED if attempt == MAX_ATTEMPTS else TaskState.WAITING)
    assert house.book.credit() == 100


def test_a_ledger_row_goes_after_its_time_and_the_days_sum_stays(house: House) -> None:
    task_id, open_id = house.book.task(), house.book.task()
    house.end(task_id)
    house.sweeper.ledger_s = 86400
    house.wall.move(86401)
    house.sweeper.sweep()
    assert house.book.entries(task_id) == []
    assert house.book.entries(open_id) == [("hold", -1)], "a hold that is open stays"
    with house.book.database.reading() as view:
        assert [(day.tasks, day.credits) for day in view.accounts.usage("key", 0)] == [(1, 1)]


def test_one_sweep_removes_as_much_as_there_is(house: House) -> None:
    with house.book.database.transaction() as change:
        tasks = [house.book.new_task(change, held=0) for _ in range(1200)]
        for task_id in tasks:
            task = change.tasks.claim(task_id, "me", 2.0)
            assert task is not None
            change.tasks.finish(task.fence, success(task), house.wall(), 0)
            house.blobs.put(f"results/{task_id}/1.jpg", b"result")
    house.wall.move(3601)
    assert house.sweeper.sweep() == 1200
    assert not house.sweeper.has_more
    assert list(house.blobs.older_than(-1e9)) == []


def test_an_outage_in_which_nobody_could_look_takes_no_task_from_a_live_worker(house: House) -> None:
    task_id = house.book.task()
    house.book.claimed(task_id)
    house.reaper.sweep()
    house.steady.move(600)  # the database was away: no sign of life could arrive
    assert house.reaper.sweep() == 0
    house.beat(task_id)
    house.steady.move(3)
    assert house.reaper.sweep() == 0
    assert house.book.get(task_id).attempt == 1


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
def test_a_wall_clock_jump_ends_no_waiting_task(house: House, jump_s: float) -> None:
    task_id = house.book.task(created_at=house.wall())
    house.sweeper.sweep()
    house.wall.move(jump_s)
    house.steady.move(3599)
    house.sweeper.sweep()
    assert house.book.get(task_id).state is TaskState.QUEUED


def test_a_task_that_no_worker_takes_ends_as_timed_out_and_costs_nothing(house: House) -> None:
    task_id = house.book.task(created_at=house.wall())
    house.blobs.put(source_key(task_id), b"source")
    house.sweeper.sweep()
    house.steady.move(3600)
    house.sweeper.sweep()
    task = house.book.get(task_id)
    assert task.state is TaskState.TIMED_OUT
    assert task.message is not None
    assert "3600 s" in task.message
    assert house.book.credit() == 100
    assert house.blobs.get(source_key(task_id)) is None


def test_a_task_taken_at_the_last_moment_is_left_alone(house: House) -> None:
    task_id = house.book.task()
    house.sweeper.sweep()
    house.steady.move(3600)
    house.book.claimed(task_id)
    house.sweeper.sweep()
    assert house.book.get(task_id).owner == "me"


def test_a_result_goes_after_its_hour_from_disk_and_table(house: House) -> None:
    old, young = house.book.task(), house.book.task()
    house.end(old)
    house.wall.move(1800)
    house.end(young)
    house.wall.move(1801)
    house.sweeper.sweep()
    with house.book.database.reading() as view:
        assert view.tasks.get(old) is None
        assert view.tasks.get(young) is not None
    assert house.blobs.get(f"results/{old}/1.jpg") is None
    assert house.blobs.get(f"results/{young}/1.jpg") == b"result"
    assert house.book.entries(old) == [("hold", -1), ("settle", -1)], "the ledger outlives the task"
