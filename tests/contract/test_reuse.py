"""Earlier results answer for the same again: only the same, only within the hour, only while they are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.ledger import Book, SettableClock, success

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions
from leanpix.domain.task import Task
from leanpix.service.execute import record
from leanpix.service.open_files import in_memory
from leanpix.service.result_cache import ResultCache
from leanpix.stores.files.blobs import LocalBlobs

SOURCE, RESULT = b"a picture", b"r" * 500


@pytest.fixture
def reuse(book: Book, tmp_path: Path, clock: SettableClock) -> ResultCache:
    return ResultCache(book.database, LocalBlobs(tmp_path / "files", 0), "engine 1", False, 3600, clock)


def made(book: Book, reuse: ResultCache, key_id: str = "key") -> Task:
    """A task that has ended with RESULT."""
    task = book.claimed(book.task(key_id))
    outcome = replace(success(task), cache_key=token_of(reuse, task))
    assert outcome.result is not None
    reuse.blobs.put(outcome.result.blob, RESULT)
    with book.database.transaction() as change:
        record(change, task, outcome, reuse.now())
    return book.get(task.id)


def found(reuse: ResultCache, task: Task, source: bytes = SOURCE) -> Compression | None:
    return reuse.earlier(token_of(reuse, task, source))


def token_of(reuse: ResultCache, task: Task, source: bytes = SOURCE) -> str:
    with in_memory(source) as file:
        return reuse.cache_key(task, file)


def test_the_same_is_answered_by_the_earlier_result_and_says_so(book: Book, reuse: ResultCache) -> None:
    book.account()
    task = made(book, reuse)
    again = found(reuse, task)
    assert again is not None
    assert again.data == RESULT
    assert task.report is not None
    assert again.report == replace(task.report, cached=True)


@pytest.mark.parametrize(
    "options",
    [
        CompressionOptions(quality=81),
        CompressionOptions(quality=80, width_px=10),
        CompressionOptions(quality=80, format=OutputFormat.WEBP),
        CompressionOptions(),
    ],
)
def test_other_options_are_another_request(book: Book, reuse: ResultCache, options: CompressionOptions) -> None:
    book.account()
    assert found(reuse, replace(made(book, reuse), options=options)) is None


def test_another_source_another_key_and_another_engine_are_another_request(book: Book, reuse: ResultCache) -> None:
    book.account("key")
    book.account("other")
    task = made(book, reuse)
    assert found(reuse, task, SOURCE + b".") is None
    assert found(reuse, replace(task, key_id="other")) is None
    assert found(replace(reuse, engine="engine 2"), task) is None


def test_other_keys_results_are_used_only_where_that_is_chosen(book: Book, reuse: ResultCache) -> None:
    book.account("key")
    book.account("other")
    shared = replace(reuse, is_shared=True)
    made(book, reuse, "other")
    assert found(shared, book.claimed(book.task())) is None, "made while nothing was shared"
    made(book, shared, "other")
    assert found(shared, book.claimed(book.task())) is not None


def test_what_has_expired_or_is_gone_is_made_again(book: Book, reuse: ResultCache, clock: SettableClock) -> None:
    book.account()
    task = made(book, reuse)
    assert task.result is not None
    clock.move(3599)
    assert found(reuse, task) is not None
    clock.move(2)
    assert found(reuse, task) is None
    clock.move(-10)
    reuse.blobs.put(task.result.blob, b"cut short")
    assert found(reuse, task) is None
    reuse.blobs.delete(task.result.blob)
    assert found(reuse, task) is None
    with book.database.transaction() as change:
        change.tasks.delete([task.id])
    assert found(reuse, task) is None


def test_a_task_that_failed_answers_for_nothing(book: Book, reuse: ResultCache) -> None:
    book.account(credit=1)
    task = book.claimed(book.task())
    too_dear = replace(success(task, side_px=5000), cache_key=token_of(reuse, task))
    with book.database.transaction() as change:
        record(change, task, too_dear, reuse.now())
    assert not book.get(task.id).result
    assert found(reuse, task) is None
