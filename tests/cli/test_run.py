"""A batch on several threads: how it ends when it is left early, told to stop, or meets an error."""

from __future__ import annotations

from pathlib import Path, PurePath
from threading import Event, Lock
from time import sleep

import pytest

from leanpix.cli.batch.items import Item, Outcome, Source
from leanpix.cli.batch.run import run
from leanpix.domain.errors import SetupError

SOURCES = [Source(Path(f"{number}.jpg"), PurePath(f"{number}.jpg")) for number in range(200)]


class Worker:
    """Notes what it is given; raises at the one named."""

    def __init__(self, raises_at: int = -1, stops_at: int = -1, stop: Event | None = None) -> None:
        self.seen: list[Path] = []
        self._raises_at, self._stops_at, self._stop = raises_at, stops_at, stop or Event()

    def __call__(self, source: Source) -> Item:
        self.seen.append(source.path)
        if source is SOURCES[self._stops_at]:
            self._stop.set()
        if source is SOURCES[self._raises_at]:
            raise SetupError("no picture can be compressed")
        return Item(source.path, Outcome.COMPRESSED)


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_source_is_worked_on_once(jobs: int) -> None:
    worker, ended = Worker(), list[Item]()
    run(iter(SOURCES[:-1]), worker, jobs, Event(), ended.append)
    assert sorted(item.path for item in ended) == sorted(worker.seen) == sorted(s.path for s in SOURCES[:-1])


def test_once_told_to_stop_no_other_picture_is_begun() -> None:
    stop, ended = Event(), list[Item]()
    worker = Worker(stops_at=4, stop=stop)
    run(SOURCES[:-1], worker, 1, stop, ended.append)
    assert len(ended) == len(worker.seen) == 5


def test_an_error_stops_the_batch_and_is_raised_after_what_has_ended() -> None:
    stop, ended = Event(), list[Item]()
    worker = Worker(raises_at=4)
    with pytest.raises(SetupError):
        run(SOURCES[:-1], worker, 1, stop, ended.append)
    assert [item.path for item in ended] == [source.path for source in SOURCES[:4]]
    assert stop.is_set()


def test_a_batch_whose_end_cannot_be_told_begins_nothing_more() -> None:
    worker = Worker()

    def tell(_item: Item) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(SOURCES[:-1], worker, 1, Event(), tell)
    assert len(worker.seen) == 1


def test_ends_are_told_one_at_a_time() -> None:
    telling, overlaps = Lock(), list[PurePath]()

    def tell(item: Item) -> None:
        if not telling.acquire(blocking=False):
            overlaps.append(item.path)
            return
        sleep(0.001)
        telling.release()

    run(SOURCES[:50], Worker(), 4, Event(), tell)
    assert overlaps == []
