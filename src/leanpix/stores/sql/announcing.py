"""Ended tasks as text, for other processes of the service that would else read the row."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.task import Task
from leanpix.stores.sql.codec import report_to_json
from leanpix.stores.sql.tables import task_columns
from leanpix.stores.sql.tasks import accepted_values, task_of

_ABSENT: dict[str, Any] = dict.fromkeys(column.key for column in task_columns)


def announced(task: Task) -> str:
    """The task as its row says it, but for whom its end is told to: that is nobody else's business."""
    result = task.result
    values = {
        **accepted_values(task),
        "completed_at": task.completed_at,
        "charged": task.charged,
        "attempt": task.attempt,
        "beat": task.beat,
        "message": task.message,
        "result_blob": result and result.blob,
        "result_format": result and result.format.value,
        "result_bytes": result and result.size_bytes,
        "result_in_row": result and result.in_row,
        "report": task.report and report_to_json(task.report),
    }
    return json.dumps(values, separators=(",", ":"))


def heard(text: str) -> Task | None:
    """The task of a text; None for one that another version wrote and this one does not understand."""
    try:
        return task_of(SimpleNamespace(**(_ABSENT | json.loads(text))))
    except (ValueError, TypeError, KeyError, InvalidParameterError):
        return None
