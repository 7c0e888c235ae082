"""The contract's JSON shapes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from leanpix.domain.markup import picture_element
from leanpix.domain.report import SetImage
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task

PROGRESS = {
    TaskState.QUEUED: 0,
    TaskState.WAITING: 0,
    TaskState.PREPARING: 10,
    TaskState.PROCESSING: 40,
    TaskState.LOOPING: 60,
    TaskState.PUBLISHING: 90,
    TaskState.SUCCEEDED: 100,
}
FAILED_PROGRESS = 99
PHASE_NAMES = {
    TaskState.QUEUED: "queued",
    TaskState.WAITING: "waiting",
    TaskState.PREPARING: "preparing",
    TaskState.PROCESSING: "processing",
    TaskState.LOOPING: "searching",
    TaskState.PUBLISHING: "publishing",
}

Json = dict[str, Any]


def created(task_id: str) -> Json:
    """The answer to an asynchronous create."""
    return {"status": 200, "message": "success", "data": {"task_id": task_id}}


def unfinished(task: Task, *, fine_states: bool) -> Json:
    """The answer to a query while the task is under way: some clients go on polling for state 4 only."""
    state = task.state if fine_states else TaskState.PROCESSING
    data = {**_common(task), "state": int(state), "state_detail": "Processing", "progress": PROGRESS[task.state]}
    return _answer("success", {**data, "report": {"phase": PHASE_NAMES[task.state], **_ignored(task)}})


def failed(task: Task) -> Json:
    """The answer to a query of a failed task."""
    data = {**_common(task), "state": int(task.state), "state_detail": "Failed", "progress": FAILED_PROGRESS}
    return _answer(
        task.message or task.state.text, {**data, "report": {"phase": "failed", **_ignored(task)}, "credits": 0}
    )


def succeeded(task: Task, image: str, images: Sequence[Json] = ()) -> Json:
    """The answer to a query of a finished task; image is a URL or base64 text. images: of a set, its pictures."""
    report: Json = {"phase": "complete", **_ignored(task)}
    # As sister endpoints of this API family have them: their clients read these.
    sister: Json = {}
    if task.report is not None:
        made = task.report
        sister = {"type": made.suffix, "image_width": made.width_px, "image_height": made.height_px}
        report |= {name: value for name, value in task.report.fields().items() if value is not None}
        report.pop("images", None)
        if not task.options.compares and not made.images:  # which stand for no one file
            report["saved_share"] = round(1 - task.report.result_bytes / max(task.report.source_bytes, 1), 4)
    data = {**_common(task), "state": 1, "state_detail": "Complete", "progress": 100, "image": image}
    if images and task.report is not None:
        data |= {"images": list(images), "html": picture_element(task.report.manifest())}
    return _answer("success", {**data, **sister, "report": report, "credits": task.charged})


def set_image(image: SetImage, url: str) -> Json:
    """One picture of a set."""
    score = {} if image.score is None else {"score": round(image.score, 2)}
    sides = {"width": image.width_px, "height": image.height_px}
    return {"url": url, **sides, "format": image.format.value, "bytes": image.result_bytes, **score}


def as_base64(content: bytes) -> str:
    """Bare base64, without a data: prefix."""
    return base64.b64encode(content).decode()


def _ignored(task: Task) -> Json:
    return {"ignored": list(task.ignored)} if task.ignored else {}


def _common(task: Task) -> Json:
    times = {
        "created_at": task.created_at,
        "processed_at": task.processed_at,
        "completed_at": task.completed_at,
    }
    shown = {name: str(int(moment)) for name, moment in times.items() if moment is not None}
    return {"task_id": task.id, **shown, "return_type": int(task.return_type)}


def _answer(message: str, data: Json) -> Json:
    return {"status": 200, "message": message, "data": data}
