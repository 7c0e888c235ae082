"""Results that lie in their tasks' rows, for whoever reads results by their keys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from leanpix.domain.errors import StoreUnavailableError
from leanpix.service.blob_keys import task_of_result
from leanpix.service.forwarded_blobs import ForwardedBlobs
from leanpix.service.open_files import WholeContent
from leanpix.service.ports import BlobStream, Database, Transaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RowResults(ForwardedBlobs):
    """The store's own answers, but for results that lie in rows: these are read there.

    glancing gives a view that does not wait for a database which is away.
    """

    database: Database
    glancing: Callable[[], AbstractContextManager[Transaction]]

    def get(self, key: str) -> bytes | None:
        """The content, or None."""
        return self._found(key, self.blobs.get, bytes)

    def stream(self, key: str) -> BlobStream | None:
        """The content in chunks, or None."""
        return self._found(key, self.blobs.stream, WholeContent)

    def _found(self, key: str, in_store: Callable[[str], T | None], of_row: Callable[[bytes], T]) -> T | None:
        """What the row has, else what the store has. A database that is away takes no other result with it."""
        task_id = task_of_result(key)
        if task_id is None:
            return in_store(key)
        try:
            with self.glancing() as view:
                content = view.tasks.result(task_id, key)
        except StoreUnavailableError:
            if (found := in_store(key)) is not None:
                return found
            with self.database.reading() as view:
                content = view.tasks.result(task_id, key)
            return None if content is None else of_row(content)
        return in_store(key) if content is None else of_row(content)
