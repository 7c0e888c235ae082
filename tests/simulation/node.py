"""One process of the service: its use cases and its loops, as they are, over simulated ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from threading import Semaphore
from typing import TYPE_CHECKING, Any, cast

from tests.simulation.blobs import ModelBlobs
from tests.simulation.jobs import JobDeliveries, mend
from tests.simulation.outside import Engine, Rates, Receivers, Sites
from tests.simulation.plan import Plan
from tests.simulation.repositories import ModelDatabase
from tests.simulation.scheduler import Process, Scheduler, SimulatedEvent, SimulatedLock

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.task import QueueEntry, Task
from leanpix.queues.embedded import EmbeddedTaskQueue
from leanpix.queues.fair_scheduler import FairScheduler
from leanpix.queues.shared_places import SharedPlaces
from leanpix.queues.signals import LocalSignals
from leanpix.queues.tenant_slots import TenantSlots
from leanpix.service.admin import Admin
from leanpix.service.batch import BatchBounds, BatchDesk
from leanpix.service.blob_keys import source_key
from leanpix.service.cancel import Cancel
from leanpix.service.claimed_tasks import ClaimedTasks
from leanpix.service.deliver_webhook import DeliverWebhook
from leanpix.service.execute import Execute
from leanpix.service.fetch import Fetch
from leanpix.service.held_sources import HeldSources
from leanpix.service.keys import SecretHasher
from leanpix.service.maintain import Reaper, Sweeper
from leanpix.service.ports import Place
from leanpix.service.progress import Progress
from leanpix.service.promote_batch_items import PromoteBatchItems
from leanpix.service.query import Query
from leanpix.service.result_cache import ResultCache
from leanpix.service.row_results import RowResults
from leanpix.service.signed_urls import SignedUrls
from leanpix.service.signing import WebhookSecrets
from leanpix.service.spool import BytesInFlight, Spool
from leanpix.service.submit import QueueBounds, Submit
from leanpix.worker.heartbeats import Heartbeats
from leanpix.worker.loop import Housekeeping, Worker
from leanpix.worker.source_fetcher import FetchBounds, SourceFetcher
from leanpix.worker.webhook_dispatcher import WebhookDispatcher

if TYPE_CHECKING:
    from leanpix.worker.children.pool import CompressorPool

HEARTBEAT_S, STALE_S = 3.0, 9.0
TASK_TIMEOUT_S = 20.0
RETENTION_S = 300.0
LONGEST_WAIT_S = 150.0
IDEMPOTENCY_S = 400.0
BATCH_LONGEST_S = 120.0
LEASE_S = 30.0
NOTICES_KEPT_S = 600.0
GRACE_S = 3.0
POLL_S, IDLE_POLL_S = 1.0, 5.0
BOUNDS = QueueBounds(per_key=12, overall=30)
BATCH_BOUNDS = BatchBounds(unfinished=3, stored_per_key=1000, stored=2000)
FETCH_BOUNDS = FetchBounds(overall=4, per_key=3, per_host=2)
LEDGER_S = 350.0
ROW_BYTES = 1000


@dataclass
class Surroundings:
    """What all processes of an installation share. new_id: ids that no other history of the same seed would change."""

    scheduler: Scheduler
    plan: Plan
    database: ModelDatabase
    blobs: ModelBlobs
    receivers: Receivers
    new_id: Callable[[], str]
    draw: Random
    is_alive: Callable[[str], bool]
    stored: Callable[[str, bytes], None]
    failures: list[BaseException] = field(default_factory=list)

    def on_error(self, failure: BaseException) -> None:
        """What a loop has survived: a store that was away is no defect, all else is one."""
        if not isinstance(failure, StoreUnavailableError):
            self.failures.append(failure)


class NodeSources(HeldSources):
    """Held sources, each told to those who have to know what was sent."""

    def __init__(self, owner: str, stored: Callable[[str, bytes], None]) -> None:
        super().__init__(owner)
        self._stored = stored

    def hold(self, task_id: str, content: bytes | Path) -> bool:
        assert isinstance(content, bytes)
        self._stored(source_key(task_id), content)
        return super().hold(task_id, content)


class NodeSignals:
    """The port `Signals`: it wakes this process only, and other processes poll. line: of a machine by itself.

    places: of one of many.
    """

    def __init__(self, work: SimulatedEvent, addresses: SimulatedEvent) -> None:
        self.work, self.addresses = work, addresses
        self.line: EmbeddedTaskQueue | None = None
        self.places: SharedPlaces | None = None

    def task_ended(self, task_id: str, task: Task | None = None, *, is_announced: bool = False) -> None:
        """Nobody waits by signal here."""

    def place(self, entry: QueueEntry) -> Place | None:
        places = self.line or self.places
        return None if places is None else places.place(entry)

    def work_added(self, entry: QueueEntry | None = None) -> None:
        if entry is None or self.line is None or self.line.may_begin(entry):
            self.work.set()

    def address_added(self) -> None:
        self.addresses.set()


class Node(Process):
    """A process with all the service's loops, as `leanpix serve` starts them."""

    def __init__(self, name: str, skew_s: float, around: Surroundings) -> None:
        super().__init__(name, skew_s)
        self.number = 0
        self.around, self.scheduler = around, around.scheduler
        self.now = around.scheduler.wall_clock(self)
        self.stopping, self.stopped = self._event(), self._event()
        self.work, self.addresses = self._event(), self._event()
        self.blobs = RowResults(around.blobs, around.database, around.database.reading)
        self.signals = NodeSignals(self.work, self.addresses)
        database, now, monotonic = around.database, self.now, around.scheduler.monotonic
        rates = Rates(around.scheduler)
        # On one machine requests that wait are promised nothing: docs/decisions/0240.
        self.held = None if around.plan.is_shared else NodeSources(name, around.stored)
        self.claimed = ClaimedTasks(name)
        self.submit = Submit(
            database, rates, self.blobs, self.signals, BOUNDS, now, new_id=around.new_id, held=self.held,
            claimed=self.claimed,
            row_source_bytes=lambda: ROW_BYTES if around.plan.keeps_rows and around.plan.is_shared else 0,
        )  # fmt: skip
        self.batches = BatchDesk(database, self.blobs, BATCH_BOUNDS, RETENTION_S, now, new_id=around.new_id)
        self.query = Query(database, rates, RETENTION_S, now)
        self.admin = Admin(database, SecretHasher(b"pepper"), now, 1.0)
        self.cancel = Cancel(database, self.blobs, self.signals, self.query, self.batches, now)
        self.worker = self._worker()
        self.housekeeping = Housekeeping(
            reaper=Reaper(database, self.signals, STALE_S, now, monotonic),
            sweeper=Sweeper(
                database,
                self.blobs,
                self.signals,
                RETENTION_S,
                LONGEST_WAIT_S,
                IDEMPOTENCY_S,
                now,
                monotonic,
                ledger_s=LEDGER_S,
            ),
            cancel=self.cancel,
            mend_queue=self._mend,
            watch_disk=lambda: None,
            interval_s=HEARTBEAT_S,
            monotonic=monotonic,
            on_error=around.on_error,
            _stopped=self.stopped,
        )
        self.promote = PromoteBatchItems(
            database, self.blobs, self.signals, BOUNDS, BATCH_LONGEST_S, now, on_error=around.on_error
        )
        notify = DeliverWebhook(
            database, around.receivers, self._render, WebhookSecrets(b"pepper"), now, around.draw.random,
            RETENTION_S, LEASE_S, NOTICES_KEPT_S,
        )  # fmt: skip
        self.outbox = WebhookDispatcher(notify, 4, 2, monotonic, around.on_error)

    def start(self) -> None:
        """Start the loops."""
        spawn = self.scheduler.spawn
        self.worker.heartbeats.give_up += [self.worker.execute.give_up, self.worker.sources.fetch.give_up]
        for number in range(self.around.plan.slots + self.around.plan.spare):
            spawn(self, f"slot {number}", self._serve_jobs if self.around.plan.is_shared else self._serve_line)
        loops: dict[str, Callable[[], object]] = {
            "heartbeat": partial(self.worker.heartbeats.run, self.stopping),
            "sources": self._fetch,
            "revocations": self._revoke,
            "progress": self.worker.execute.progress.run,
            "reaper": self.housekeeping._reap,
            "sweeper": self.housekeeping._sweep,
            "feeder": self._promote,
            "outbox": self._tell,
        }
        for name, run in loops.items():
            spawn(self, name, run)

    def stop(self) -> None:
        """Stop as at a restart: nothing new is taken, what runs gets a moment and is then handed back."""
        self.stopped.set()
        self.work.set()
        self.addresses.set()
        self.scheduler.sleep(GRACE_S)
        self.stopping.set()
        self.worker.execute.promise_held()
        self.worker.sources.hand_back()
        self.worker.execute.progress.stop()
        self.scheduler.sleep(HEARTBEAT_S + 1)

    def deliver(self, task_id: str) -> None:
        """Hand the worker a task id, as a delivery that comes twice would: none comes before its source is there."""
        task = self.around.database.rows.tables["tasks"].get(task_id)
        if task is None or task.fetch_host is not None:
            return
        self._guarded(lambda: self.worker._handle(task_id))

    def _worker(self) -> Worker:
        around = self.around
        waiting = tuple if self.held is None else self.held.waiting
        heartbeats = Heartbeats(around.database, HEARTBEAT_S, around.on_error, waiting=waiting)
        heartbeats._lock = SimulatedLock(around.scheduler).as_lock()
        reuse = None
        if around.plan.reuses:
            reuse = ResultCache(around.database, self.blobs, "engine 1", True, RETENTION_S, self.now)
        common: dict[str, Any] = {
            "database": around.database,
            "blobs": self.blobs,
            "signals": self.signals,
            "progress": Progress(around.database, _reached=self._event(), _stopped=self._event()),
            "owner": self.name,
            "now": self.now,
            "monotonic": around.scheduler.monotonic,
            "stopping": self.stopping,
            "held": self.held,
            "claimed": self.claimed,
        }
        slots = TenantSlots(around.plan.slots, around.scheduler.monotonic, around.plan.spare)
        scheduler = FairScheduler(around.database, self._execute, slots, around.draw.choice, self.stopped)
        self.free = Semaphore(around.plan.slots + around.plan.spare)
        if around.plan.is_shared:
            self.signals.places = SharedPlaces(
                scheduler, self.free, partial(self.scheduler.spawn, self, "place"), around.on_error
            )
        self.jobs = JobDeliveries(around.database, self.name, scheduler)
        self.line = EmbeddedTaskQueue(
            around.database,
            cast("LocalSignals", self.signals),
            around.on_error,
            around.scheduler.monotonic,
            holder=self.name,
        )
        self.line._lock = SimulatedLock(around.scheduler).as_lock()
        self.line._in_hand = slots
        self.line._free = Semaphore(1000)  # each slot here is an actor of its own, and so is each place
        self.line._begin = self._begin
        self.signals.line = None if around.plan.is_shared else self.line
        execute = Execute(
            **common,
            compressor=Engine(around.scheduler, self.stopping, around.draw),
            timeout_s=TASK_TIMEOUT_S,
            reuse=reuse,
            on_worked=self.jobs.free if around.plan.is_shared else self.line.free,
            row_result_bytes=lambda: ROW_BYTES if around.plan.keeps_rows else 0,
        )
        fetch = Fetch(
            **common,
            fetcher=Sites(around.scheduler, around.draw),
            links=SignedUrls(b"secret", self.now),
            spool=Spool(Path("/tmp"), BytesInFlight(1 << 30, 1 << 30)).fetched,  # noqa: S108 - all stays in memory
        )
        sources = SourceFetcher(
            database=around.database,
            fetch=fetch,
            bounds=FETCH_BOUNDS,
            heartbeats=heartbeats,
            wake=self.addresses,
            on_error=around.on_error,
            _lock=SimulatedLock(around.scheduler).as_lock(),
            _stopped=self.stopped,
        )
        return Worker(
            make_deliveries=lambda: self.line,
            execute=execute,
            sources=sources,
            heartbeats=heartbeats,
            pool=cast("CompressorPool", None),
            concurrency=around.plan.slots,
            spare=around.plan.spare,
            grace_s=GRACE_S,
            stopping=self.stopping,
        )

    def _execute(self, task_id: str) -> bool:
        return self.worker._handle(task_id)

    def _begin(self, task_id: str) -> None:
        """Work on a task that has had a place, beside the slots."""

        def run() -> None:
            try:
                self._guarded(partial(self.worker._handle, task_id))
            finally:
                self.line.free(task_id)

        self.scheduler.spawn(self, "place", run)

    def _serve_line(self) -> None:
        """A slot of the embedded queue."""
        while not self.stopped.is_set():
            task_id = self.line._next()
            if task_id is None:
                self.work.wait(POLL_S if self._waits() else IDLE_POLL_S)
                self.line._has_more = True
                self.work.clear()
                continue
            try:
                self._guarded(partial(self.worker._handle, task_id))
            finally:
                self.line.free(task_id)

    def _serve_jobs(self) -> None:
        """A slot of the shared queue."""
        jobs = self.around.database.rows.tables["jobs"]
        while not self._pause(lambda: any(job.worker is None for job in jobs.values())):
            while self.free.acquire(blocking=False):
                try:
                    if not self._guarded(self.jobs.serve_one):
                        break
                finally:
                    self.free.release()

    def _mend(self) -> None:
        rows = self.around.database.rows
        if rows.tables["jobs"] or (self.around.plan.is_shared and self._waits()):
            mend(self.around.database, self.around.is_alive)

    def _waits(self) -> bool:
        tasks = self.around.database.rows.tables["tasks"]
        unfinished = (task for task in tasks.values() if task.completed_at is None)
        return any(task.owner is None or (task.owner == self.name and not task.attempt) for task in unfinished)

    def _guarded(self, step: Callable[[], bool | int]) -> bool:
        """Whether it came to something; a defect is told, and the loop goes on, as in the loops themselves."""
        try:
            return bool(step())
        except Exception as failure:  # noqa: BLE001 - see above
            self.around.on_error(failure)
            return False

    def _fetch(self) -> None:
        """The loop of SourceFetcher, each source by an actor."""
        sources, tasks = self.worker.sources, self.around.database.rows.tables["tasks"]
        while not self.stopped.is_set():
            waits = any(task.fetch_host is not None and task.completed_at is None for task in tasks.values())
            self.addresses.wait(POLL_S if waits else IDLE_POLL_S)
            self.addresses.clear()
            try:
                taken = sources._taken()
            except StoreUnavailableError:
                continue
            for entry in taken:
                self.scheduler.spawn(self, "fetch", partial(sources._fetch, entry))

    def _revoke(self) -> None:
        accounts = self.around.database.rows.tables["accounts"]
        while not self._pause(lambda: any(row[0].revoked_at is not None for row in accounts.values())):
            self._guarded(self.cancel.enforce_revocations)

    def _promote(self) -> None:
        batches = self.around.database.rows.tables["batches"]
        while not self._pause(lambda: any(batch.completed_at is None for batch in batches.values())):
            self._guarded(self.promote)

    def _pause(self, has_work: Callable[[], bool]) -> bool:
        """Wait until the next look, which is left out where there is nothing to be seen; True at the end.

        A look at nothing changes nothing, and most of a history's time would go to such.
        """
        while not self.stopped.wait(POLL_S if has_work() else IDLE_POLL_S):
            if has_work():
                return False
        return True

    def _tell(self) -> None:
        notices = self.around.database.rows.tables["notices"]
        while not self._pause(lambda: any(notice.due_at is not None for notice in notices.values())):
            try:
                due = self.outbox.notify.due(self.outbox.per_host, 4 * self.outbox.senders)
            except StoreUnavailableError:
                continue
            for notice in due:
                if self.outbox._take(notice):
                    self.scheduler.spawn(self, "notice", partial(self.outbox._tell, notice))

    def _render(self, ended_id: str, base: str) -> bytes | None:
        with self.around.database.reading() as view:
            task = view.tasks.get(ended_id)
            batch = view.batches.get(ended_id) if task is None else None
        return None if task is None and batch is None else f"{base} {ended_id}".encode()

    def _event(self) -> SimulatedEvent:
        return SimulatedEvent(self.scheduler)
