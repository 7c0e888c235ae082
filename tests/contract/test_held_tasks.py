"""Tasks that nobody has been told of: they wait for the process that holds their source, until they are promised."""

from __future__ import annotations

from tests.support.ledger import Book, SettableClock, success

from leanpix.domain.task import SourceKind
from leanpix.queues.signals import LocalSignals
from leanpix.service.maintain import Reaper

HOLDER = "holder"


def ready(book: Book, holder: str = "") -> list[str]:
    with book.database.reading() as view:
        return [entry.task_id for entry in view.tasks.ready(10, holder)]


def test_it_waits_in_line_with_the_others_for_its_holder_only(book: Book) -> None:
    book.account()
    first, held, last = book.task(created_at=1.0), book.held_task(HOLDER, created_at=2.0), book.task(created_at=3.0)
    assert ready(book, HOLDER) == [first, held, last]
    assert ready(book, "another") == ready(book) == [first, last]
    with book.database.autocommit() as change:
        assert change.tasks.claim(held, "another", 2.0) is None
        claimed = change.tasks.claim(held, HOLDER, 2.0)
        assert claimed is not None
        assert change.tasks.claim(held, HOLDER, 2.0) is None
    assert (claimed.owner, claimed.attempt, claimed.source_kind) == (HOLDER, 1, SourceKind.HELD)


def test_what_waits_for_a_holder_that_is_gone_is_no_turn_of_its_key(book: Book) -> None:
    book.account(credit=9)
    book.account("other", credit=9)
    book.held_task("dead", created_at=1.0)
    book.claimed(book.task("other", created_at=1.0), "dead")
    theirs, mine = book.task("other", created_at=2.0), book.task(created_at=3.0)
    assert ready(book, HOLDER) == [mine, theirs]


def test_one_that_is_claimed_as_it_is_accepted_waits_for_nobody(book: Book) -> None:
    book.account()
    task = book.begun_task(HOLDER)
    assert book.get(task.id) == task
    assert ready(book, HOLDER) == []
    with book.database.transaction() as change:
        assert change.tasks.claim(task.id, HOLDER, 3.0) is None
        assert change.tasks.beat([task.fence]) == []
        assert change.tasks.finish(task.fence, success(task), 3.0, 1)
    assert (book.get(task.id).processed_at, book.get(task.id).attempt) == (2.0, 1)


def test_once_promised_it_waits_for_anybody(book: Book) -> None:
    book.account()
    task_id = book.held_task(HOLDER)
    with book.database.transaction() as change:
        assert not change.tasks.promise(task_id, "another")
        assert change.tasks.promise(task_id, HOLDER)
        assert not change.tasks.promise(task_id, HOLDER)
    assert (book.get(task_id).source_kind, book.get(task_id).owner) == (SourceKind.UPLOAD, None)
    assert ready(book, "another") == [task_id]


def test_an_attempt_goes_on_when_its_task_is_promised_meanwhile(book: Book) -> None:
    book.account()
    task = book.claimed(book.held_task(HOLDER), HOLDER)
    with book.database.transaction() as change:
        assert change.tasks.promise(task.id, HOLDER)
        assert change.tasks.finish(task.fence, success(task), 3.0, 1)
    assert book.get(task.id).source_kind is SourceKind.UPLOAD


def test_what_has_ended_is_held_by_nobody(book: Book) -> None:
    book.account()
    task = book.claimed(book.held_task(HOLDER), HOLDER)
    with book.database.transaction() as change:
        assert change.tasks.finish(task.fence, success(task), 3.0, 1)
        assert not change.tasks.forget(task.fence)
    assert (book.get(task.id).source_kind, book.get(task.id).owner) == (SourceKind.UPLOAD, None)


def test_when_its_holder_dies_it_is_gone_and_its_credits_are_back(book: Book) -> None:
    book.account(credit=5)
    waiting, running, promised = book.held_task(HOLDER), book.held_task(HOLDER), book.held_task(HOLDER)
    book.claimed(running, HOLDER)
    begun = book.begun_task(HOLDER).id
    with book.database.transaction() as change:
        assert change.tasks.promise(promised, HOLDER)
    assert book.credit() == 1
    clock, signals = SettableClock(), LocalSignals()
    reaper = Reaper(book.database, signals, 6.0, clock, clock)
    for _ in range(4):
        reaper.sweep()
        clock.move(3.0)
    with book.database.reading() as view:
        assert [view.tasks.get(task_id) for task_id in (waiting, running, begun)] == [None] * 3
    assert book.credit() == 4
    assert ready(book) == [promised]
