"""The JSON of a batch: its figures, and each of its items."""

from __future__ import annotations

from leanpix.domain.batch import BatchItem
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task
from leanpix.service.batch import BatchStatus
from leanpix.web.compat import Json
from leanpix.web.rendering import Rendering


def status_shape(status: BatchStatus) -> Json:
    """Counts by what became of the items, and failures by their state."""
    batch, counts = status.batch, status.counts
    ended = {state: number for state, number in counts.items() if state is not None and state.is_final}
    failed = {state: number for state, number in ended.items() if state is not TaskState.SUCCEEDED}
    total = sum(counts.values())
    return {
        "batch_id": batch.id,
        "state": "processing" if batch.completed_at is None else "complete",
        "created_at": str(int(batch.created_at)),
        "completed_at": None if batch.completed_at is None else str(int(batch.completed_at)),
        "progress": _progress(sum(ended.values()), total, is_complete=batch.completed_at is not None),
        "counts": {
            "total": total,
            "waiting": counts.get(None, 0),
            "processing": total - counts.get(None, 0) - sum(ended.values()),
            "succeeded": counts.get(TaskState.SUCCEEDED, 0),
            "failed": sum(failed.values()),
        },
        "failures": {str(int(state)): number for state, number in sorted(failed.items())},
    }


def item_shape(item: BatchItem, task: Task | None, rendering: Rendering, base: str) -> Json:
    """One item; `image` is there once it has succeeded, and lasts as long as any result's link."""
    state = TaskState.QUEUED if task is None else task.state
    shown: Json = {"number": item.number, "name": item.name, "task_id": item.task_id, "state": int(state)}
    if task is None or not task.state.is_final:
        return shown
    shown["message"] = task.message or task.state.text
    if task.report is not None:
        shown |= {"source_bytes": task.report.source_bytes, "result_bytes": task.report.result_bytes}
    link = rendering.link(task, base)
    return shown if link is None else {**shown, "image": link}


def _progress(ended: int, total: int, *, is_complete: bool) -> int:
    return 100 if is_complete else min(99, 100 * ended // max(total, 1))
