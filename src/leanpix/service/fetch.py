"""Fetching a task's source: no part of decoding it, so that a slow source holds no worker's slot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from leanpix.domain.errors import SourceGoneError, StoreUnavailableError, TaskFailure
from leanpix.domain.states import TaskState
from leanpix.domain.task import MAX_ATTEMPTS, FencingToken, Outcome, Task
from leanpix.service.blob_keys import fetched_key, source_key
from leanpix.service.execute import Attempts, fault_in_words, may_fail_again
from leanpix.service.observing import Phases
from leanpix.service.open_files import all_of
from leanpix.service.ports import Fetcher
from leanpix.service.signed_urls import SignedUrls
from leanpix.service.spool import SpoolFile
from leanpix.service.submit import stored_address

_NO_CAUSE: BaseException | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch(Attempts):
    """The use case `fetch`: have the source of a task that came as an address, and let it wait for a worker.

    spool gives an empty file for the key's source, dropped after the block.
    """

    fetcher: Fetcher
    links: SignedUrls
    spool: Callable[[str], AbstractContextManager[SpoolFile]]

    def __call__(self, task_id: str, on_claim: Callable[[FencingToken], None]) -> TaskState | None:
        """Make one attempt at it; the task's final state where it ends here, None where it goes on."""
        with self._attempt_at(task_id, on_claim) as claimed:
            return None if claimed is None else self._attempted(claimed[0])

    def _attempted(self, task: Task) -> TaskState | None:
        phases, cause = Phases(self.monotonic, "source"), _NO_CAUSE
        try:
            self._store_source(task)
            self._pass_on(task)
        except TaskFailure as failure:
            outcome, cause = Outcome(failure.state, str(failure)), failure
        except StoreUnavailableError as failure:
            if may_fail_again(task):
                self._hand_back(task, is_fault=True)
                return None
            outcome = Outcome(TaskState.FAILED, fault_in_words(failure))
        except OSError as failure:
            outcome, cause = Outcome(TaskState.NO_RESOURCES, TaskState.NO_RESOURCES.text), failure
        except BaseException as defect:
            self._end(task, Outcome(TaskState.FAILED, TaskState.FAILED.text), phases, defect)
            raise
        else:
            return None
        if self.stopping.is_set() and outcome.state is TaskState.DOWNLOAD_FAILED and task.attempt < MAX_ATTEMPTS:
            self._hand_back(task, is_fault=False)
            return None
        return self._end(task, outcome, phases, cause)

    def _store_source(self, task: Task) -> None:
        stored = self.blobs.open(source_key(task.id))
        if stored is None:
            raise SourceGoneError
        with stored:
            address = stored_address(all_of(stored))
        own_result = self.links.blob_of(address.url)
        with self.spool(task.key_id) as spooled:
            if own_result is None:
                self.fetcher.fetch(address.url, spooled, address.headers)
            else:
                self._copy(own_result, spooled)
            self.blobs.put(fetched_key(task.id), spooled.content())

    def _copy(self, own_result: str, into: SpoolFile) -> None:
        """A result of this service is read from the store: no network."""
        earlier = self.blobs.stream(own_result)
        if earlier is None:
            raise TaskFailure(TaskState.DOWNLOAD_FAILED)
        for piece in earlier:
            into.write(piece)

    def _pass_on(self, task: Task) -> None:
        with self.database.transaction() as change:
            is_ours = change.tasks.fetched(task.fence)
            if is_ours:
                change.enqueue(task.id)
        if is_ours:
            self.signals.work_added()
        elif not self._is_kept(task):
            self.blobs.discard(fetched_key(task.id))

    def _is_kept(self, task: Task) -> bool:
        """Whether another attempt may need what was fetched, or the commit whose answer was lost was kept."""
        with self.database.reading() as view:
            now = view.tasks.get(task.id)
        return now is not None and not now.state.is_final
