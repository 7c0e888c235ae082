"""Doing a task: claim, read the source, compress, store the result, record result and charge together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from typing import BinaryIO

from leanpix.domain.account import LARGE_SIDE_PX, cost
from leanpix.domain.errors import CallerError, StoreUnavailableError, TaskFailure
from leanpix.domain.formats import PNG_SIGNATURE
from leanpix.domain.report import Compression, CompressionView
from leanpix.domain.states import TaskState
from leanpix.domain.task import MAX_ATTEMPTS, FencingToken, Outcome, SourceKind, StoredResult, Task
from leanpix.service.observing import Ended, ObserveEnd, Phases, unobserved
from leanpix.service.open_files import all_of, head_of, in_memory
from leanpix.service.ports import Blobs, Clock, Compressor, Database, Fetcher, Review, Signals, Transaction
from leanpix.service.progress import Progress
from leanpix.service.result_cache import ResultCache
from leanpix.service.signed_urls import SignedUrls
from leanpix.service.submit import fetched_key, refuse_png_target, source_key

_RECORD_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 10.0)
_PHASES = {
    "decoding": TaskState.PROCESSING,
    "encoding": TaskState.PROCESSING,
    "searching": TaskState.LOOPING,
}


def unreviewed(task: Task, source: BinaryIO, done: Compression | CompressionView, stored: StoredResult) -> None:
    """Publish everything."""
    del task, source, done, stored


@dataclass(frozen=True, slots=True)
class Execute:
    """The use case `execute`; now gives Unix seconds, monotonic seconds that no clock jump moves."""

    database: Database
    blobs: Blobs
    fetcher: Fetcher
    compressor: Compressor
    signals: Signals
    progress: Progress
    links: SignedUrls
    owner: str
    timeout_s: float
    now: Clock
    monotonic: Clock
    stopping: Event
    observe: ObserveEnd = unobserved
    review: Review = unreviewed
    reuse: ResultCache | None = None

    def __call__(self, task_id: str, on_claim: Callable[[FencingToken], None]) -> TaskState | None:
        """Make one attempt at the task; its final state, or None where it was not ours to end.

        on_claim is told the fence, so that signs of life can be given while the attempt lasts.
        """
        with self.database.autocommit() as change:
            task = change.tasks.claim(task_id, self.owner, self.now())
        if task is None:
            return None
        on_claim(task.fence)
        phases, cause = Phases(self.monotonic, "source"), None
        try:
            outcome = self._attempt(task, self.monotonic() + self.timeout_s, phases)
        except TaskFailure as failure:
            if failure.state == TaskState.CANCELLED and self.stopping.is_set() and task.attempt < MAX_ATTEMPTS:
                self._hand_back(task)
                return None
            outcome, cause = Outcome(failure.state, str(failure)), failure
        except StoreUnavailableError:
            if task.attempt < MAX_ATTEMPTS:
                self._hand_back(task)
                return None
            outcome = Outcome(TaskState.FAILED, "the service's stores did not answer")
        except CallerError as failure:
            outcome = Outcome(TaskState.NOT_MEETING_REQUIREMENTS, str(failure))
        except BaseException as defect:
            self._end(task, Outcome(TaskState.FAILED, TaskState.FAILED.text), phases, defect)
            raise
        return self._end(task, outcome, phases, cause)

    def _attempt(self, task: Task, deadline: float, phases: Phases) -> Outcome:
        with self._source(task) as source:
            return self._made(task, source, deadline, phases)

    def _made(self, task: Task, source: BinaryIO, deadline: float, phases: Phases) -> Outcome:
        refuse_png_target(task.options, head_of(source, len(PNG_SIGNATURE)))
        made_of = None if self.reuse is None else self.reuse.made_of(task, source)
        earlier = None if self.reuse is None or made_of is None else self.reuse.earlier(made_of)
        done = self._compressed(task, source, deadline, phases) if earlier is None else earlier
        phases.enter("publishing")
        stored = self._publish(task, done)
        self._review(task, source, done, stored)
        return Outcome(TaskState.SUCCEEDED, "success", stored, done.report, made_of)

    def _compressed(self, task: Task, source: BinaryIO, deadline: float, phases: Phases) -> CompressionView:
        def on_phase(phase: str) -> None:
            phases.enter(phase)
            self.progress.show(task.fence, _PHASES.get(phase, TaskState.PROCESSING))

        on_phase("decoding")
        done = self.compressor.run(
            source,
            task.options,
            timeout_s=max(deadline - self.monotonic(), 0.001),
            tenant=_tenant(task),
            on_phase=on_phase,
        )
        if not done.data:
            raise TaskFailure(TaskState.EMPTY_RESULT)
        return done

    def _source(self, task: Task) -> BinaryIO:
        stored = self.blobs.open(source_key(task.id))
        if stored is None:
            raise TaskFailure(TaskState.FAILED, "the stored source is gone")
        if not task.source_kind.is_address:
            return stored
        with stored:
            source = self._fetched(all_of(stored).decode())
        if task.source_kind.is_kept:
            try:
                self.blobs.put(fetched_key(task.id), all_of(source))
            except BaseException:
                source.close()
                raise
        return source

    def _fetched(self, url: str) -> BinaryIO:
        own_result = self.links.blob_of(url)
        if own_result is None:
            content = self.fetcher.fetch(url)
            try:
                return in_memory(content)
            except OSError as failure:
                raise TaskFailure(TaskState.NO_RESOURCES) from failure
        earlier = self.blobs.open(own_result)
        if earlier is None:
            raise TaskFailure(TaskState.DOWNLOAD_FAILED)
        return earlier

    def _publish(self, task: Task, done: Compression | CompressionView) -> StoredResult:
        self.progress.show(task.fence, TaskState.PUBLISHING)
        # As long a name as the link's: some clients take the end of the store's own URL, too, for a file name.
        key = f"results/{task.id}/{task.id}-{task.attempt}.{done.report.format.value}"
        try:
            self.blobs.put(key, done.data)
        except StoreUnavailableError as failure:
            self.blobs.delete(key)
            raise TaskFailure(TaskState.PUBLISH_FAILED) from failure
        return StoredResult(key, done.report.format, len(done.data))

    def _review(self, task: Task, source: BinaryIO, done: Compression | CompressionView, stored: StoredResult) -> None:
        """Ask whether the result may be shown: until the task has succeeded nobody else has a link to it."""
        try:
            self.review(task, source, done, stored)
        except BaseException:
            self.blobs.delete(stored.blob)
            raise

    def _hand_back(self, task: Task) -> None:
        self.progress.forget(task.fence)
        with self.database.transaction() as change:
            if change.tasks.hand_back(task.fence):
                change.enqueue(task.id)
        self.signals.work_added()

    def _end(
        self, task: Task, outcome: Outcome, phases: Phases, cause: BaseException | None = None
    ) -> TaskState | None:
        self.progress.forget(task.fence)
        phases.enter("recording")
        ended = self._persistently(task, outcome)
        final = None if ended is None else ended.state
        if outcome.result is not None and final is not TaskState.SUCCEEDED:
            self.blobs.delete(outcome.result.blob)
        if final is not None:
            self.signals.task_ended(task.id, ended)
            self._drop_source(task, final)
            self.observe(_ended(task, outcome, final, phases, cause))
        return final

    def _drop_source(self, task: Task, final: TaskState) -> None:
        stays = task.source_kind.is_kept and final is TaskState.SUCCEEDED
        if task.source_kind.is_address or not stays:
            self.blobs.discard(source_key(task.id))
        if task.source_kind is SourceKind.KEPT_URL and not stays:
            self.blobs.discard(fetched_key(task.id))

    def _persistently(self, task: Task, outcome: Outcome) -> Task | None:
        """Record the outcome however long the database is away, within reason: the work is done and would be lost."""
        for pause_s in _RECORD_PAUSES_S:
            try:
                return self._record(task, outcome)
            except StoreUnavailableError:
                self.stopping.wait(pause_s)
        return self._record(task, outcome)

    def _record(self, task: Task, outcome: Outcome) -> Task | None:
        with self.database.transaction() as change:
            ended = record(change, task, outcome, self.now())
        if ended is not None:
            return ended
        with self.database.reading() as view:
            now = view.tasks.get(task.id)
        # A commit whose answer was lost is one all the same: the fence is gone because this very attempt ended.
        is_ours = now is not None and now.state.is_final and now.attempt == task.attempt
        return now if is_ours else None


def _ended(task: Task, outcome: Outcome, final: TaskState, phases: Phases, cause: BaseException | None) -> Ended:
    # Its first attempt's row says when it was taken: how long it had waited by the wall clock, which may jump.
    waited = {"queued": max(0.0, (task.processed_at or 0.0) - task.created_at)} if task.attempt == 1 else {}
    charged = _price(outcome) if final is outcome.state else 0
    return Ended(task, final, charged, outcome.report, {**waited, **phases.ended()}, cause)


def record(change: Transaction, task: Task, outcome: Outcome, now: float) -> Task | None:
    """End an owned task and settle or release its hold, in one transaction; the task as it has ended, or None.

    None means that the fence is lost: somebody else has the task now, and nothing was written.
    """
    price = _price(outcome)
    if price > task.held and not change.accounts.covers(task.key_id, price - task.held):
        sides = f"a side over {LARGE_SIDE_PX} px"
        reason = f"this picture costs {price} credits ({sides}) and the key has too few left; top the key up"
        outcome, price = Outcome(TaskState.NOT_MEETING_REQUIREMENTS, reason), 0
    if not change.tasks.finish(task.fence, outcome, now, price):
        return None
    if task.callback is not None:
        change.notices.add(task.id, task.key_id, task.callback, now)
    if price:
        change.accounts.settle(task.key_id, task.id, price, now)
    else:
        change.accounts.release(task.key_id, task.id, now)
    return _after(task, outcome, now, price)


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
    )


def _tenant(task: Task) -> str:
    """Whose picture this is: what a key uploads and what it has fetched from elsewhere are not trusted alike."""
    return f"{task.key_id} {'address' if task.source_kind.is_address else 'upload'}"


def _price(outcome: Outcome) -> int:
    report = outcome.report
    if outcome.state is not TaskState.SUCCEEDED or report is None:
        return 0
    return cost(max(report.source_width_px, report.source_height_px, report.width_px, report.height_px))
