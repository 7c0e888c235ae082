"""The kept source of a task that has succeeded, for making other results of it."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.errors import NotFoundError
from leanpix.domain.task import Task
from leanpix.service.blob_keys import fetched_key, source_key
from leanpix.service.ports import Blobs


@dataclass(frozen=True, slots=True)
class Originals:
    """The use case `original`."""

    blobs: Blobs

    def original(self, task: Task) -> bytes:
        """The source's bytes; NotFoundError where they were not kept or are gone."""
        key = fetched_key if task.source_kind.is_address else source_key
        content = self.blobs.get(key(task.id)) if task.source_kind.is_kept else None
        if content is None:
            raise NotFoundError("the uploaded picture is not kept (any more): upload it again")
        return content
