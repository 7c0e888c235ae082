"""Ended and unfinished tasks as the JSON of the API, for pollers and for webhooks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from leanpix.domain.request import ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task
from leanpix.service.ports import Blobs, Clock
from leanpix.service.signed_urls import SignedUrls
from leanpix.web import compat


@dataclass(frozen=True, slots=True)
class Rendering:
    """Renders tasks; now gives Unix seconds. base is where this service is, for links: scheme and host."""

    blobs: Blobs
    links: SignedUrls
    retention_s: float
    now: Clock
    fine_states: bool

    def needs_store(self, task: Task) -> bool:
        """Whether `shape` asks the store for something: it may wait then, and has to be called in a thread.

        Every poll comes through here: a thread is asked only of a store that has an answer.
        """
        return task.result is not None and (task.return_type is ReturnType.BASE64 or self.blobs.presigns)

    def holds_content(self, task: Task) -> bool:
        """Whether the answer holds the result itself."""
        return task.result is not None and task.return_type is ReturnType.BASE64

    def without_content(self, task: Task) -> compat.Json:
        """A task whose result is gone from the store."""
        return compat.failed(_unpublished(task))

    def shape(self, task: Task, base: str) -> compat.Json:
        """A task in the contract's shape; a result that is gone from the store is a failure, not an error."""
        if not task.state.is_final:
            return compat.unfinished(task, fine_states=self.fine_states)
        if task.state is not TaskState.SUCCEEDED or task.result is None or task.completed_at is None:
            return compat.failed(task)
        if task.return_type is ReturnType.BASE64:
            content = self.blobs.get(task.result.blob)
            if content is None:
                return compat.failed(_unpublished(task))
            return compat.succeeded(task, compat.as_base64(content), self.images(task, base))
        expires_at = task.completed_at + self.retention_s
        is_there = self.blobs.presigns and not task.result.in_row
        of_the_store = self.blobs.presign(task.result.blob, expires_at - self.now()) if is_there else None
        image = of_the_store or self._own_link(task, base, expires_at)
        return compat.succeeded(task, image, self.images(task, base))

    def images(self, task: Task, base: str) -> list[compat.Json]:
        """The pictures of a set, each with a link of this service's own; none of a single result."""
        if task.report is None or task.completed_at is None:
            return []
        expires_at = task.completed_at + self.retention_s
        return [
            compat.set_image(image, base.rstrip("/") + self.links.member_path(task, image, expires_at))
            for image in task.report.images
        ]

    def link(self, task: Task, base: str) -> str | None:
        """This service's own link to the task's result, or None where there is none."""
        if task.result is None or task.completed_at is None:
            return None
        return self._own_link(task, base, task.completed_at + self.retention_s)

    def _own_link(self, task: Task, base: str, expires_at: float) -> str:
        return base.rstrip("/") + self.links.path(task, expires_at)


def _unpublished(task: Task) -> Task:
    return replace(task, state=TaskState.PUBLISH_FAILED, message=TaskState.PUBLISH_FAILED.text)
