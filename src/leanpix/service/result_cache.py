"""Answering for the same source and options by the result that was made of them within the hour."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import BinaryIO

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.report import Compression
from leanpix.domain.task import Task
from leanpix.service.open_files import sha256_of
from leanpix.service.ports import Blobs, Clock, Database


@dataclass(frozen=True, slots=True)
class ResultCache:
    """Finds earlier results; now gives Unix seconds.

    engine names the engine's version. is_shared: a key's picture may be answered by another key's result.
    """

    database: Database
    blobs: Blobs
    engine: str
    is_shared: bool
    retention_s: float
    now: Clock

    def cache_key(self, task: Task, source: BinaryIO) -> str:
        """What stands for the source's bytes, the options, the engine and whose they are: 64 hex digits."""
        whose = "" if self.is_shared else task.key_id
        head = json.dumps([whose, self.engine, task.options.given()], sort_keys=True).encode()
        return hashlib.sha256(head + b"\0" + sha256_of(source)).hexdigest()

    def earlier(self, cache_key: str) -> Compression | None:
        """The earlier result, or None where there is none, or none any more.

        Its bytes are read here and stored again under the new task: nothing of the one depends on the other's life.
        """
        try:
            with self.database.reading() as view:
                task = view.tasks.by_cache_key(cache_key, self.now() - self.retention_s)
            if task is None or task.result is None or task.report is None:
                return None
            content = self.blobs.get(task.result.blob)
        except StoreUnavailableError:  # it can still be made
            return None
        if content is None or len(content) != task.result.size_bytes:
            return None
        return Compression(content, replace(task.report, cached=True))
