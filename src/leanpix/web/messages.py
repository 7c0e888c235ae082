"""What receivers of webhooks are told: what a query would answer at that moment."""

from __future__ import annotations

import json
from dataclasses import dataclass

from leanpix.service.batch import BatchStatus
from leanpix.service.ports import Database
from leanpix.web.batch_shape import status_shape
from leanpix.web.compat import Json
from leanpix.web.rendering import Rendering


@dataclass(frozen=True, slots=True)
class Messages:
    """Renders the message of an ended task or batch."""

    database: Database
    rendering: Rendering

    def __call__(self, ended_id: str, base: str) -> bytes | None:
        """The message, or None where neither a task nor a batch has this id any more."""
        with self.database.reading() as view:
            task = view.tasks.get(ended_id)
            batch = view.batches.get(ended_id) if task is None else None
            counts = {} if batch is None else view.batches.counts(ended_id)
        if task is not None:
            return _text(self.rendering.shape(task, base))
        if batch is None:
            return None
        return _text({"status": 200, "message": "success", "data": status_shape(BatchStatus(batch, counts))})


def _text(shape: Json) -> bytes:
    return json.dumps(shape, separators=(",", ":")).encode()
