"""One log line a request and one a task's end: ids, figures and codes, never what a client sent."""

from __future__ import annotations

from leanpix.domain.errors import TaskFailure
from leanpix.domain.task import FencingToken, Task
from leanpix.service.observing import Ended, Served
from leanpix.telemetry.structured import structlog

_MOST_CAUSES = 5


class Journal:
    """Writes the lines; made once logging is set up, so that each line finds its logger ready."""

    def __init__(self) -> None:
        self._log = structlog.get_logger().bind()  # what it gives by itself asks at each line what it stands for

    def served(self, served: Served) -> None:
        """A request that was answered."""
        ids = {name: value for name, value in (("key_id", served.key_id), ("task_id", served.task_id)) if value}
        ms = round(served.seconds * 1000, 2)
        self._log.info("request", route=served.route, method=served.method, status=served.status, ms=ms, **ids)

    def taken_over(self, task: Task) -> None:
        """A task that this process has handed on, or ended, as its worker gave no sign of life."""
        self._log.warning("task taken over", task_id=task.id, attempt=task.attempt, silent=task.owner)

    def fence_lost(self, fence: FencingToken) -> None:
        """An attempt of this process whose task is another's now, or nobody's: its end is not recorded."""
        self._log.info("fence lost", task_id=fence.task_id, attempt=fence.attempt, owner=fence.owner)

    def ended(self, ended: Ended) -> None:
        """A task's end; a failure with the reason that callers are not told."""
        task, report = ended.task, ended.report
        sizes = {} if report is None else {"source_bytes": report.source_bytes, "result_bytes": report.result_bytes}
        self._log.info(
            "task",
            task_id=task.id,
            key_id=task.key_id,
            state=int(ended.state),
            state_name=ended.state.name.lower(),
            attempt=task.attempt,
            credits=ended.charged,
            **sizes,
            **{f"{phase}_ms": round(seconds * 1000, 2) for phase, seconds in ended.seconds.items()},
            **_why(ended.cause),
        )


def _why(cause: BaseException | None) -> dict[str, str]:
    """The kinds of what went wrong, the first cause last. Not their texts: those may hold what a client sent."""
    if cause is None:
        return {}
    reason = {"reason": cause.reason} if isinstance(cause, TaskFailure) and cause.reason else {}
    kinds: list[str] = []
    while cause is not None and len(kinds) < _MOST_CAUSES:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__
    return {**reason, "cause": " < ".join(kinds)}
