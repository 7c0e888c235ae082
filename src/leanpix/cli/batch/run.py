"""A batch on several threads, each waiting for one picture at a time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Lock, Thread
from types import FrameType
from typing import TypeVar

from leanpix.cli.batch.items import Item

_T = TypeVar("_T")


def run(
    sources: Iterable[_T], work: Callable[[_T], Item], jobs: int, stop: Event, ended: Callable[[Item], None]
) -> None:
    """Work on the sources, jobs at a time; ended is told each item, in no order, one at a time, by any thread.

    Once stop is set no other picture is begun. An error that work or ended raises stops the batch the same way and is
    raised when the pictures under way have ended.
    """
    # Each thread takes its own next picture and tells its end itself: handing either over to another thread costs the
    # batch two switches of threads, 0.1 to 0.2 ms of processor time a picture.
    left, taking, telling = iter(sources), Lock(), Lock()

    def take() -> _T | None:
        with taking:
            return None if stop.is_set() else next(left, None)

    def labour() -> None:
        try:
            while (source := take()) is not None:
                item = work(source)
                with telling:
                    ended(item)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(jobs, thread_name_prefix="picture") as threads:
        labours = [threads.submit(labour) for _ in range(jobs)]
    for labour_done in labours:
        labour_done.result()


@contextmanager
def interruptible(stop: Event, abandon: Callable[[], None], tell: Callable[[str], None]) -> Iterator[None]:
    """Within the block, the first SIGINT or SIGTERM sets stop, a second one abandons what is under way."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            # On a thread of its own: the interrupted code may hold the very lock that abandoning takes.
            Thread(target=abandon, daemon=True).start()
            return
        stop.set()
        tell("stopping: the pictures under way are finished; once more gives them up")

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
