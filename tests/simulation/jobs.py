"""Delivery to many machines over model rows: jobs that carry a task's id, as procrastinate keeps them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from tests.simulation.repositories import Job, ModelDatabase
from tests.simulation.rows import Work
from tests.simulation.statements import Repository, statement

from leanpix.domain.errors import StoreUnavailableError
from leanpix.queues.fair_scheduler import FairScheduler
from leanpix.queues.tenant_slots import TenantSlots

_POLL_S = 0.05
_R = TypeVar("_R")


class ModelJobs(Repository):
    """The jobs of one transaction."""

    @statement
    def take(self, worker: str) -> tuple[int, Job] | None:
        """The oldest job that waits, which is this worker's from now on."""
        for number, job in self.work.every("jobs"):
            if job.worker is None:
                self.work.write("jobs", number, replace(job, worker=worker))
                return number, job
        return None

    @statement
    def put(self, number: int, job: Job | None) -> None:
        """Replace a job; None: it is done."""
        if self.work.get("jobs", number) is not None:
            self.work.write("jobs", number, job)

    @statement
    def hand_on(self, is_alive: Callable[[str], bool]) -> None:
        """Have the jobs of dead workers wait again."""
        for number, job in list(self.work.every("jobs")):
            if job.worker is not None and not is_alive(job.worker):
                self.work.write("jobs", number, replace(job, worker=None))

    @statement
    def undelivered(self) -> list[str]:
        """Ids of waiting tasks that no job stands for."""
        with_job = {job.task_id for _, job in self.work.every("jobs")}
        waiting = [
            key
            for key, task in self.work.every("tasks")
            if task.completed_at is None and task.owner is None and task.fetch_host is None
        ]
        return [task_id for task_id in waiting if task_id not in with_job]


def mend(database: ModelDatabase, is_alive: Callable[[str], bool]) -> None:
    """Deliver again what dead workers were handed, and waiting tasks whose delivery was lost."""
    with database.transaction() as change:
        jobs = ModelJobs(change.work)
        jobs.hand_on(is_alive)
        for task_id in jobs.undelivered():
            change.enqueue(task_id)


class JobDeliveries:
    """The port `Deliveries`: a job says that something waits; what is taken for it is the task whose turn it is."""

    def __init__(
        self,
        database: ModelDatabase,
        worker: str,
        turns: FairScheduler,
        on_error: Callable[[BaseException], None] = lambda _failure: None,
    ) -> None:
        self._database, self._name, self._turns, self._on_error = database, worker, turns, on_error
        self._registrations = 0

    @property
    def worker(self) -> str:
        """The name that its jobs have: another one after each loss of the database, as it registers anew."""
        return f"{self._name}#{self._registrations}"

    def run(self, handle: Callable[[str], bool], *, concurrency: int, spare: int = 0) -> None:
        """Call `handle(task_id)` in up to `concurrency` threads, and `spare` more, until `stop`."""
        self._turns.handle = handle
        self._turns.shares = TenantSlots(concurrency, self._turns.shares._monotonic, spare)
        with ThreadPoolExecutor(concurrency + spare) as threads:
            for _ in range(concurrency + spare):
                threads.submit(self._serve)

    def free(self, task_id: str) -> None:
        """Slots are free at the end of their job."""
        del task_id

    def stop(self) -> None:
        """Deliver nothing more."""
        self._turns.stopped.set()

    def register(self) -> None:
        """Begin anew under another name: the database was away, and with it whatever this worker had of it."""
        self._registrations += 1

    def serve_one(self) -> bool:
        """Take one job and do what it stands for; False where there is none."""
        taken = self._asked(lambda jobs: jobs.take(self.worker))
        if taken is None:
            return False
        number, job = taken
        try:
            self._turns.deliver(job.task_id)
        except Exception:
            self._asked(lambda jobs: jobs.put(number, job))
            raise
        self._asked(lambda jobs: jobs.put(number, None))
        return True

    def _serve(self) -> None:
        while not self._turns.stopped.is_set():
            try:
                served = self.serve_one()
            except Exception as failure:  # noqa: BLE001 - a database that is briefly away must not end the worker
                self._on_error(failure)
                served = False
            if not served:
                self._turns.stopped.wait(_POLL_S)

    def _asked(self, request: Callable[[ModelJobs], _R]) -> _R:
        try:
            return request(ModelJobs(Work(self._database.rows, is_transaction=False)))
        except StoreUnavailableError:
            self.register()
            raise
