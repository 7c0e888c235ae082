"""A batch on several threads, each waiting for one picture at a time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType

from leanpix.cli.batch.items import Item, Source


def run(sources: Iterable[Source], work: Callable[[Source], Item], jobs: int, stop: Event) -> Iterator[Item]:
    """Work on the sources, jobs at a time; yield items as they end, in no order.

    Once stop is set no other picture is begun. An error that work raises stops the batch the same way and is raised
    when the pictures under way have ended.
    """
    left = iter(sources)
    running: set[Future[Item]] = set()
    failure: BaseException | None = None
    with ThreadPoolExecutor(jobs, thread_name_prefix="picture") as threads:
        while True:
            while len(running) < jobs and not stop.is_set() and (source := next(left, None)) is not None:
                running.add(threads.submit(work, source))
            if not running:
                break
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                if (error := future.exception()) is None:
                    yield future.result()
                else:
                    failure = error
                    stop.set()
    if failure is not None:
        raise failure


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
