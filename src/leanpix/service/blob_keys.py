"""Where a task's files lie in the store."""

from __future__ import annotations


def source_key(task_id: str) -> str:
    """Where a task's source, or the address of one, lies until the task has ended."""
    return f"sources/{task_id}"


def task_of_result(key: str) -> str | None:
    """The id of the task whose result lies under this key; None where the key is not a result's."""
    kind, _, rest = key.partition("/")
    return rest.partition("/")[0] if kind == "results" else None


def fetched_key(task_id: str) -> str:
    """Where what was fetched for a task lies, if it is kept."""
    return f"fetched/{task_id}"
