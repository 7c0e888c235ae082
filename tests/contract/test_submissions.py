"""Idempotency keys: one task for one key, whoever asks, however often, and from however many processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from tests.support.ledger import Book, SettableClock, success
from tests.support.ports import Node

from leanpix.domain.account import Account
from leanpix.domain.errors import CreditsExhaustedError, KeyReusedError
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.service.blob_keys import fetched_key
from leanpix.service.execute import record
from leanpix.service.maintain import Sweeper
from leanpix.service.submit import Address, QueueBounds, Submit, Upload
from leanpix.stores.files.blobs import LocalBlobs

OPTIONS = CompressionOptions(quality=80)
PICTURE = Upload(b"a picture")


@pytest.fixture
def submit(node: Node, book: Book, clock: SettableClock, tmp_path: Path) -> Submit:
    blobs = LocalBlobs(tmp_path / "files", 0)
    return Submit(book.database, node.rates, blobs, node.local, QueueBounds(100, 100), clock)


def sources(submit: Submit) -> list[str]:
    return sorted(key.removeprefix("sources/") for key in submit.blobs.older_than(-60))


def tasks(book: Book) -> int:
    with book.database.reading() as view:
        return view.tasks.count_unfinished("nobody")[1]


def test_the_same_request_again_is_the_same_task_and_charged_once(submit: Submit, book: Book) -> None:
    account = book.account(credit=10)
    ids = {submit.submit(account, PICTURE, OPTIONS, ReturnType.URL, "once") for _ in range(3)}
    assert len(ids) == 1
    assert (book.credit(), tasks(book), sources(submit)) == (9, 1, [*ids])


def test_of_20_at_once_one_makes_the_task_and_all_get_it_even_for_the_last_credit(submit: Submit, book: Book) -> None:
    account, together = book.account(credit=1), Barrier(20)

    def one(_number: int) -> str:
        together.wait()
        submit.admit(account, "once")
        return submit.submit(account, PICTURE, OPTIONS, ReturnType.URL, "once")

    with ThreadPoolExecutor(20) as threads:
        ids = set(threads.map(one, range(20)))
    assert len(ids) == 1
    assert (book.credit(), tasks(book), sources(submit)) == (0, 1, [*ids])


@pytest.mark.parametrize(
    ("source", "options", "returns"),
    [
        (Upload(b"another"), OPTIONS, ReturnType.URL),
        (Address("https://example.com/a picture"), OPTIONS, ReturnType.URL),
        (PICTURE, CompressionOptions(quality=81), ReturnType.URL),
        (PICTURE, CompressionOptions(quality=80, format=OutputFormat.WEBP), ReturnType.URL),
        (PICTURE, OPTIONS, ReturnType.BASE64),
    ],
    ids=["bytes", "address", "quality", "format", "return type"],
)
def test_another_request_under_the_key_is_refused_and_keeps_nothing(
    submit: Submit, book: Book, source: Upload | Address, options: CompressionOptions, returns: ReturnType
) -> None:
    account = book.account(credit=10)
    task_id = submit.submit(account, PICTURE, OPTIONS, ReturnType.URL, "once")
    with pytest.raises(KeyReusedError, match="came with another request"):
        submit.submit(account, source, options, returns, "once")
    assert (book.credit(), tasks(book), sources(submit)) == (9, 1, [task_id])


def test_other_keys_and_other_accounts_make_tasks_of_their_own(submit: Submit, book: Book) -> None:
    one, two = book.account("one"), book.account("two")
    words = [(one, "a"), (one, "b"), (two, "a"), (one, None), (one, None)]
    assert len({submit.submit(who, PICTURE, OPTIONS, ReturnType.URL, word) for who, word in words}) == len(words)


def test_a_refused_request_leaves_its_key_free(submit: Submit, book: Book) -> None:
    account = book.account(credit=0)
    with pytest.raises(CreditsExhaustedError):
        submit.submit(account, PICTURE, OPTIONS, ReturnType.URL, "once")
    with book.database.transaction() as change:
        change.accounts.topup("key", 1, 1.0)
    assert submit.submit(account, Upload(b"another"), OPTIONS, ReturnType.URL, "once")


def test_a_repeat_is_admitted_without_a_credit_and_a_new_request_is_not(submit: Submit, book: Book) -> None:
    account = book.account(credit=1)
    submit.submit(account, PICTURE, OPTIONS, ReturnType.URL, "once")
    submit.admit(account, "once")
    with pytest.raises(CreditsExhaustedError):
        submit.admit(account, "another")
    with pytest.raises(CreditsExhaustedError):
        submit.admit(account)


def test_a_key_is_forgotten_after_its_time_but_never_before_its_task(
    submit: Submit, book: Book, node: Node, clock: SettableClock
) -> None:
    account = book.account()
    sweeper = Sweeper(book.database, submit.blobs, node.local, 3600, 1e9, 60, clock, clock)
    task_id = _ended(submit, book, account, clock)

    def again() -> str:
        sweeper.sweep()
        return submit.submit(account, PICTURE, OPTIONS, ReturnType.URL, "once")

    clock.move(61)
    assert again() == task_id, "the key's time is over, its result's is not"
    clock.move(3600)
    assert again() != task_id
    assert tasks(book) == 1


def _ended(submit: Submit, book: Book, account: Account, clock: SettableClock) -> str:
    task = book.claimed(submit.submit(account, PICTURE, OPTIONS, ReturnType.URL, "once"))
    with book.database.transaction() as change:
        record(change, task, success(task), clock())
    return task.id


def test_a_kept_source_goes_with_its_result(submit: Submit, book: Book, node: Node, clock: SettableClock) -> None:
    account = book.account()
    sweeper = Sweeper(book.database, submit.blobs, node.local, 3600, 1e9, 60, clock, clock)
    for source in (Upload(b"a picture", is_kept=True), Address("https://example.com/a.jpg", is_kept=True)):
        task = book.claimed(submit.submit(account, source, OPTIONS, ReturnType.URL))
        assert task.source_kind.is_kept
        submit.blobs.put(fetched_key(task.id), b"what was fetched")
        with book.database.transaction() as change:
            record(change, task, success(task), clock())
    sweeper.sweep()
    assert len(sources(submit)) == 4
    clock.move(3601)
    sweeper.sweep()
    assert sources(submit) == []
