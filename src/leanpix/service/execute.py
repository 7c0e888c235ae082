"""Attempts at tasks: claim, read the source, compress, store the result, record result and charge together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import BinaryIO, NamedTuple

from leanpix.domain.account import LARGE_SIDE_PX, price
from leanpix.domain.errors import CallerError, SourceGoneError, StoreUnavailableError, TaskFailure
from leanpix.domain.formats import PNG_SIGNATURE
from leanpix.domain.report import Compression, CompressionView
from leanpix.domain.states import TaskState
from leanpix.domain.task import MAX_ATTEMPTS, MAX_FAULTS, FencingToken, Outcome, SourceKind, StoredResult, Task
from leanpix.service.blob_keys import fetched_key, source_key
from leanpix.service.claimed_tasks import ClaimedTasks
from leanpix.service.held_sources import HeldSources
from leanpix.service.observing import Ended, ObserveEnd, Phases, unobserved
from leanpix.service.open_files import head_of, in_memory
from leanpix.service.ports import Answer, Blobs, Clock, Compressor, Database, Review, Signals, Transaction
from leanpix.service.progress import Progress
from leanpix.service.result_cache import ResultCache
from leanpix.service.submit import refuse_png_target

KEY_REVOKED = "cancelled: the API key has been revoked"
_RECORD_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 10.0)
_PHASES = {
    "decoding": TaskState.PROCESSING,
    "encoding": TaskState.PROCESSING,
    "searching": TaskState.LOOPING,
}


def unfollowed(fence: FencingToken) -> None:
    """Tell nobody of an attempt that was lost."""
    del fence


def unwatched(task_id: str) -> None:
    """Tell nobody."""
    del task_id


def unspent(key_id: str, cpu_s: float) -> None:
    """Count nobody's processor seconds."""
    del key_id, cpu_s


def unkept(key: str, content: bytes) -> None:
    """Keep no result in memory."""
    del key, content


def unreviewed(task: Task, source: BinaryIO, done: Compression | CompressionView, stored: StoredResult) -> None:
    """Publish everything."""
    del task, source, done, stored


class _Recorded(NamedTuple):
    """A task as it has ended, and whether those who wait at other nodes were told."""

    task: Task
    is_announced: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """What attempts at tasks have in common: they are claimed, and then ended or handed back, once each.

    now gives Unix seconds, monotonic seconds that no clock jump moves. keep is given each result that lies in its row,
    before anybody is told of it.
    """

    database: Database
    blobs: Blobs
    signals: Signals
    progress: Progress
    owner: str
    now: Clock
    monotonic: Clock
    stopping: Event
    observe: ObserveEnd = unobserved
    on_lost: Callable[[FencingToken], object] = unfollowed
    held: HeldSources | None = None
    claimed: ClaimedTasks | None = None
    keep: Callable[[str, bytes], None] = unkept
    # A database that loses its last commits with its power may give one process the same attempt a second time.
    _running: dict[FencingToken, list[int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def give_up(self, fence: FencingToken) -> None:
        """Stop an attempt of this process whose fence is lost: nobody wants its result any more."""
        with self._lock:
            for given_up in self._running.get(fence, ()):
                os.eventfd_write(given_up, 1)
        if self.held is not None and not fence.attempt:
            self.held.drop_ended(self.database, fence.task_id)

    @contextmanager
    def _attempt_at(self, task_id: str, on_claim: Callable[[FencingToken], None]) -> Iterator[tuple[Task, int] | None]:
        """The task, claimed, and a descriptor that is readable once the attempt is given up; None: it is another's."""
        task = None if self.claimed is None else self.claimed.take(task_id)
        if task is None:
            with self.database.autocommit() as change:
                task = change.tasks.claim(task_id, self.owner, self.now())
        if task is None:
            yield None
            return
        given_up, fence = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC), task.fence
        with self._lock:
            self._running.setdefault(fence, []).append(given_up)
        try:
            on_claim(fence)
            yield task, given_up
        finally:
            with self._lock:
                self._running[fence].remove(given_up)
                if not self._running[fence]:
                    del self._running[fence]
            os.close(given_up)

    def _hand_back(self, task: Task, *, is_fault: bool) -> None:
        self.progress.forget(task.fence)
        if task.source_kind is SourceKind.HELD and self.held is not None:
            self.held.promise(self.database, self.blobs, task.id)  # another process may be the next to have it
        with self.database.transaction() as change:
            if change.tasks.hand_back(task.fence, is_fault=is_fault) and task.fetch_host is None:
                change.enqueue(task.id)
        self._wake(task)

    def _wake(self, task: Task) -> None:
        if task.fetch_host is None:
            self.signals.work_added()
        else:
            self.signals.address_added()

    def _end(
        self, task: Task, outcome: Outcome, phases: Phases, cause: BaseException | None = None
    ) -> TaskState | None:
        self.progress.forget(task.fence)
        phases.enter("recording")
        recorded = self._persistently(task, outcome)
        final = None if recorded is None else recorded.task.state
        if final is None:
            self.on_lost(task.fence)
        if outcome.result is not None and not outcome.result.in_row and final is not TaskState.SUCCEEDED:
            # Now, not within a second: a database that lost its last commits with its power may give this very attempt
            # again, whose result has the same name. Where the store is away it goes with the task.
            with suppress(StoreUnavailableError):
                self.blobs.delete_under(outcome.result.blob)
        if recorded is not None and final is not None:
            if outcome.result is not None and outcome.content is not None and final is TaskState.SUCCEEDED:
                self.keep(outcome.result.blob, outcome.content)
            self.signals.task_ended(task.id, recorded.task, is_announced=bool(recorded.is_announced))
            self._drop_source(task, final)
            self.observe(_ended(task, outcome, final, phases, cause))
        return final

    def _drop_source(self, task: Task, final: TaskState) -> None:
        if self.held is None or not self.held.drop(task.id):  # else there is no file of it
            drop_source(self.blobs, task, final)

    def _persistently(self, task: Task, outcome: Outcome) -> _Recorded | None:
        """Record the outcome however long the database is away, within reason: the work is done and would be lost."""
        for pause_s in _RECORD_PAUSES_S:
            try:
                return self._record(task, outcome)
            except StoreUnavailableError:
                self.stopping.wait(pause_s)
        return self._record(task, outcome)

    def _record(self, task: Task, outcome: Outcome) -> _Recorded | None:
        with self.database.transaction() as change:
            ended = record(change, task, outcome, self.now())
            is_announced = False if ended is None else change.announce(ended)
        if ended is not None:
            return _Recorded(ended, is_announced)
        with self.database.reading() as view:
            now = view.tasks.get(task.id)
        # A commit whose answer was lost is one all the same: the fence is gone because this very attempt ended.
        is_ours = now is not None and now.state.is_final and now.attempt == task.attempt
        return _Recorded(now, is_announced=False) if now is not None and is_ours else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute(Attempts):
    """The use case `execute`: make the result of a task whose source is there.

    spent is told the processor seconds that a key's picture took, behind the task's end where counts_late: where that
    is a wait for a database. on_worked is told a task's id once its picture has been worked on, and is only to be
    stored and recorded. row_result_bytes gives up to how many bytes a result may lie in
    the row of a task whose source is in no file store.
    """

    compressor: Compressor
    timeout_s: float
    review: Review = unreviewed
    reuse: ResultCache | None = None
    spent: Callable[[str, float], None] = unspent
    counts_late: bool = False
    on_worked: Callable[[str], None] = unwatched
    row_result_bytes: Callable[[], int] = lambda: 0

    def promise_held(self) -> None:
        """Have all outlive this process whose sources it holds; those are left whose promise the store refuses."""
        if self.held is None:
            return
        for task_id in self.held.close():
            with suppress(StoreUnavailableError):
                self.held.promise(self.database, self.blobs, task_id)

    def __call__(self, task_id: str, on_claim: Callable[[FencingToken], None]) -> TaskState | None:
        """Make one attempt at the task; its final state, or None where it was not ours to end.

        on_claim is told the fence, so that signs of life can be given while the attempt lasts.
        """
        with self._attempt_at(task_id, on_claim) as claimed:
            if claimed is None:
                return None
            task, given_up = claimed
            if not self.counts_late:
                return self._attempted(task, given_up, lambda cpu_s: self.spent(task.key_id, cpu_s))
            taken_s: list[float] = []
            try:
                return self._attempted(task, given_up, taken_s.append)
            finally:
                self.spent(task.key_id, sum(taken_s))

    def _attempted(self, task: Task, given_up: int, on_spent: Callable[[float], None]) -> TaskState | None:
        phases, cause = Phases(self.monotonic, "source"), None
        try:
            outcome = self._attempt(task, given_up, phases, on_spent)
        except TaskFailure as failure:
            if failure.state == TaskState.CANCELLED and self.stopping.is_set() and task.attempt < MAX_ATTEMPTS:
                self._hand_back(task, is_fault=False)
                return None
            outcome, cause = Outcome(failure.state, str(failure)), failure
        except StoreUnavailableError as failure:
            if may_fail_again(task):
                self._hand_back(task, is_fault=True)
                return None
            outcome = Outcome(TaskState.FAILED, fault_in_words(failure))
        except CallerError as failure:
            outcome = Outcome(TaskState.NOT_MEETING_REQUIREMENTS, str(failure))
        except BaseException as defect:
            self._end(task, Outcome(TaskState.FAILED, TaskState.FAILED.text), phases, defect)
            raise
        return self._end(task, outcome, phases, cause)

    def _attempt(self, task: Task, given_up: int, phases: Phases, on_spent: Callable[[float], None]) -> Outcome:
        deadline = self.monotonic() + self.timeout_s
        with self._source(task) as source:
            refuse_png_target(task.options, head_of(source, len(PNG_SIGNATURE)))
            cache_key = None if self.reuse is None else self.reuse.cache_key(task, source)
            earlier = None if self.reuse is None or cache_key is None else self.reuse.earlier(cache_key)
            done = earlier or self._compressed(task, source, deadline, given_up, phases, on_spent)
            self.on_worked(task.id)
            phases.enter("publishing")
            stored = self._publish(task, done)
            self._review(task, source, done, stored)
            content = bytes(done.data) if stored.in_row else None
        return Outcome(TaskState.SUCCEEDED, "success", stored, done.report, cache_key, content)

    def _source(self, task: Task) -> BinaryIO:
        if task.source_kind is SourceKind.HELD:
            stored = None if self.held is None else self.held.open(task.id)
        elif task.source_in_row:
            stored = None if task.source is None else in_memory(task.source)
        else:
            key = fetched_key if task.source_kind.is_address else source_key
            stored = self.blobs.open(key(task.id))
        if stored is None:
            raise SourceGoneError  # another node may see it
        return stored

    def _compressed(  # noqa: PLR0913, PLR0917 - an attempt's parts
        self,
        task: Task,
        source: BinaryIO,
        deadline: float,
        given_up: int,
        phases: Phases,
        on_spent: Callable[[float], None],
    ) -> CompressionView:
        fence = task.fence

        def on_phase(phase: str, at_s: float) -> None:
            phases.enter(phase, at_s)
            self.progress.show(fence, _PHASES.get(phase, TaskState.PROCESSING))

        on_phase("decoding", self.monotonic())
        done = self.compressor.run(
            source,
            task.options,
            timeout_s=max(deadline - self.monotonic(), 0.001),
            tenant=_tenant(task),
            in_background=task.batch_id is not None,
            on_phase=on_phase,
            on_sides=lambda longest_px: self._hold_price(task, longest_px),
            on_spent=on_spent,
            given_up=given_up,
        )
        if not done.data:
            raise TaskFailure(TaskState.EMPTY_RESULT)
        return done

    def _hold_price(self, task: Task, longest_px: int) -> None:
        """Hold what the picture costs by its header: no pixel is decoded for a key that cannot pay for it."""
        credit = price(longest_px, task.options.most_results)
        if credit <= task.held:
            return
        with self.database.transaction() as change:
            # The task's row after the account's, as everywhere: transactions of one key wait for each other there.
            if not change.accounts.raise_hold(task.key_id, task.id, credit):
                refusal = not_held(change, task.key_id, _too_few(credit))
                raise TaskFailure(refusal.state, refusal.message)
            if not change.tasks.raise_held(task.fence, credit):
                raise TaskFailure(TaskState.CANCELLED)

    def _publish(self, task: Task, done: Compression | CompressionView) -> StoredResult:
        self.progress.show(task.fence, TaskState.PUBLISHING)
        # As long a name as the link's: some clients take the end of the store's own URL, too, for a file name.
        key = f"results/{task.id}/{task.id}-{task.attempt}.{done.report.suffix}"
        if not _has_files(task) and len(done.data) <= self.row_result_bytes():
            return StoredResult(key, done.report.format, len(done.data), in_row=True)
        try:
            self.blobs.put(key, done.data)
        except StoreUnavailableError as failure:
            self.blobs.discard(key)
            if may_fail_again(task):  # as where its source could not be read
                raise
            raise TaskFailure(TaskState.PUBLISH_FAILED) from failure
        return StoredResult(key, done.report.format, len(done.data))

    def _review(self, task: Task, source: BinaryIO, done: Compression | CompressionView, stored: StoredResult) -> None:
        """Ask whether the result may be shown: until the task has succeeded nobody else has a link to it."""
        try:
            self.review(task, source, done, stored)
        except BaseException:
            self.blobs.discard(stored.blob)
            raise


def _has_files(task: Task) -> bool:
    """Whether the file store has anything of this task before its result."""
    return not (task.source_in_row or task.source_kind is SourceKind.HELD)


def may_fail_again(task: Task) -> bool:
    """Whether another attempt may be made after this one has failed of a store that did not answer."""
    return task.faults + 1 < MAX_FAULTS and task.attempt < MAX_ATTEMPTS


def fault_in_words(failure: StoreUnavailableError) -> str:
    """What is told of a task whose last attempt ended with a fault of the stores."""
    gone = isinstance(failure, SourceGoneError)
    return "the stored source is gone" if gone else "the service's stores did not answer"


def drop_source(blobs: Blobs, task: Task, final: TaskState) -> None:
    """Remove what an ended task needs no more; a kept source stays as long as the result."""
    if task.source_in_row:  # it went with the end
        return
    stays = task.source_kind.is_kept and final is TaskState.SUCCEEDED
    if task.source_kind.is_address or not stays:
        blobs.discard(source_key(task.id))
    if task.source_kind.is_address and not stays:
        blobs.discard(fetched_key(task.id))


def _ended(task: Task, outcome: Outcome, final: TaskState, phases: Phases, cause: BaseException | None) -> Ended:
    # Its first attempt's row says when it was taken: how long it had waited by the wall clock, which may jump.
    is_first = task.attempt == (2 if task.source_kind.is_address and task.fetch_host is None else 1)
    waited = {"queued": max(0.0, (task.processed_at or 0.0) - task.created_at)} if is_first else {}
    charged = _price(outcome) if final is outcome.state else 0
    return Ended(task, final, charged, outcome.report, {**waited, **phases.ended()}, cause)


def record(change: Transaction, task: Task, outcome: Outcome, now: float) -> Task | None:
    """End an owned task and settle or release its hold, in one transaction; the task as it has ended, or None.

    None means that the fence is lost: somebody else has the task now, and nothing was written.
    """
    credit = _price(outcome)
    if credit and not _is_covered(change, task, credit):
        outcome, credit = not_held(change, task.key_id, _too_few(credit)), 0
    is_ended = change.tasks.finish(task.fence, outcome, now, credit)
    if not is_ended and credit and change.accounts.is_revoked(task.key_id):
        outcome, credit = Outcome(TaskState.CANCELLED, KEY_REVOKED), 0
        is_ended = change.tasks.finish(task.fence, outcome, now, 0)
    if not is_ended:
        return None
    if task.callback is not None:
        change.deliveries.add(task.id, task.key_id, task.callback, now)
    if credit:
        change.accounts.settle(task.key_id, task.id, credit, now)
    else:
        change.accounts.release(task.key_id, task.id, now)
    return _after(task, outcome, now, credit)


def not_held(change: Transaction, key_id: str, too_few: str) -> Outcome:
    """How a task ends whose credits cannot be had: a key that was revoked is told so, any other that it has too few."""
    if change.accounts.is_revoked(key_id):
        return Outcome(TaskState.CANCELLED, KEY_REVOKED)
    return Outcome(TaskState.NOT_MEETING_REQUIREMENTS, too_few)


def _is_covered(change: Transaction, task: Task, credit: int) -> bool:
    if credit <= task.held:
        return True
    # The picture's header may have raised what is held since the task was claimed.
    now = change.tasks.get(task.id)
    held = task.held if now is None else now.held
    return credit <= held or change.accounts.covers(task.key_id, credit - held)


def _too_few(credit: int) -> str:
    sides = f"two a result with a side over {LARGE_SIDE_PX} px, one with none"
    return f"this picture costs {credit} credits ({sides}) and the key has too few left; top the key up"


def _after(task: Task, outcome: Outcome, now: float, charged: int) -> Task:
    return replace(
        task,
        state=outcome.state,
        message=outcome.message,
        completed_at=now,
        owner=None,
        charged=charged,
        result=outcome.result,
        report=outcome.report,
        source_in_row=False,
        source=None,
    )


def _tenant(task: Task) -> str:
    """Whose picture this is: what a key uploads and what it has fetched from elsewhere are not trusted alike."""
    return f"{task.key_id} {'address' if task.source_kind.is_address else 'upload'}"


def _price(outcome: Outcome) -> int:
    report = outcome.report
    if outcome.state is not TaskState.SUCCEEDED or report is None:
        return 0
    longest_px = max(report.source_width_px, report.source_height_px, report.width_px, report.height_px)
    return price(longest_px, report.results)
