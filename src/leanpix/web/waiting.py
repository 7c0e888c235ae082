"""Waiting for a task's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.task import Task
from leanpix.web.context import Context

_POLL_S = 1.0


async def ended(context: Context, task_id: str, look: Callable[[], Task], *, is_new: bool = False) -> Task:
    """The task once it has ended, or as it is when the longest wait is over or the service stops.

    look gives the task as it is, or refuses it. is_new: it was accepted for the same caller a moment ago, so that it is
    waited for before the first look, and not looked up at all where the signal of its end says how it ended.
    A database that is away in the meantime is waited for too: the task has been accepted.
    """
    deadline = asyncio.get_running_loop().time() + context.settings.sync_wait_s
    while True:
        end = context.ends.subscribe(task_id)
        try:
            if not is_new:
                task = await context.look_up(look)
                left = deadline - asyncio.get_running_loop().time()
                if task.state.is_final or left <= 0 or context.drained.is_set():
                    return task
            is_new = False
            await asyncio.wait([end], timeout=min(_POLL_S, max(0.0, deadline - asyncio.get_running_loop().time())))
            if end.done() and (told := end.result()) is not None:
                return told
        except StoreUnavailableError:
            if asyncio.get_running_loop().time() >= deadline:
                raise
        finally:
            end.cancel()
