"""A commit whose answer is lost: what was kept keeps its sources, and who asked is told where that can be known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.support.ledger import Book, SettableClock
from tests.support.ports import Node, migrated_database, postgres_node
from tests.support.servers import Postgres

from leanpix.domain.errors import OutcomeUnknownError, StoreUnavailableError
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.queues.settings import QueueSettings
from leanpix.service.batch import BatchBounds, BatchDesk, BatchSize, BatchTerms, NamedSource
from leanpix.service.ports import Database, Transaction
from leanpix.service.submit import QueueBounds, Submit, Upload
from leanpix.stores.files.blobs import LocalBlobs

LEAVE = """
    CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'
"""
AT_COMMIT = """
    CREATE CONSTRAINT TRIGGER leave AFTER UPDATE ON accounts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leave()
"""
OPTIONS = CompressionOptions(quality=80)


class LosesReplies:
    """A database whose answer to a commit is lost; the commit itself comes through, or does not."""

    def __init__(self, database: Database, *, keeps: bool, answers: bool = True) -> None:
        self._database, self._keeps, self._answers = database, keeps, answers
        self._is_lost = False
        self.autocommit = database.autocommit

    @contextmanager
    def transaction(self, *, waits: bool = True) -> Iterator[Transaction]:
        try:
            with self._database.transaction(waits=waits) as change:
                yield change
                if not self._keeps:
                    raise OutcomeUnknownError
        finally:
            self._is_lost = True
        raise OutcomeUnknownError

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        if self._is_lost and not self._answers:
            raise StoreUnavailableError
        with self._database.reading() as view:
            yield view


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "files", 0)


@pytest.fixture
def submit(node: Node, blobs: LocalBlobs, clock: SettableClock) -> Submit:
    return Submit(node.database, node.rates, blobs, node.local, QueueBounds(100, 100), clock)


@pytest.fixture
def desk(node: Node, blobs: LocalBlobs, clock: SettableClock) -> BatchDesk:
    return BatchDesk(node.database, blobs, BatchBounds(2, 10_000, 10_000), 3600, clock)


def named() -> list[NamedSource]:
    return [NamedSource(f"{number}.jpg", Upload(b"picture")) for number in range(3)]


def test_a_task_that_was_kept_is_told_and_keeps_its_source(submit: Submit, book: Book) -> None:
    account = book.account()
    lossy = replace(submit, database=LosesReplies(submit.database, keeps=True))
    task_id = lossy.submit(account, Upload(b"a picture"), OPTIONS, ReturnType.URL)
    assert book.get(task_id).id == task_id
    assert submit.blobs.get(f"sources/{task_id}") == b"a picture"


@pytest.mark.parametrize("keeps", [True, False])
def test_where_it_cannot_be_known_the_source_stays(submit: Submit, book: Book, *, keeps: bool) -> None:
    account = book.account()
    lossy = replace(submit, database=LosesReplies(submit.database, keeps=keeps, answers=False))
    with pytest.raises(StoreUnavailableError):
        lossy.submit(account, Upload(b"a picture"), OPTIONS, ReturnType.URL)
    assert len(list(submit.blobs.older_than(-60))) == 1
    assert book.credit() == (9 if keeps else 10)


def test_a_batch_that_was_kept_is_told_and_keeps_its_sources(desk: BatchDesk, book: Book) -> None:
    account = book.account()
    lossy = replace(desk, database=LosesReplies(desk.database, keeps=True))
    batch_id = lossy.submit(account, named(), BatchTerms(OPTIONS), BatchSize(3))
    assert desk.status(account, batch_id).batch.id == batch_id
    assert len(list(desk.blobs.older_than(-60))) == 3


def test_where_a_batch_cannot_be_known_to_be_kept_its_sources_stay(desk: BatchDesk, book: Book) -> None:
    account = book.account()
    lossy = replace(desk, database=LosesReplies(desk.database, keeps=True, answers=False))
    with pytest.raises(StoreUnavailableError):
        lossy.submit(account, named(), BatchTerms(OPTIONS), BatchSize(3))
    assert len(list(desk.blobs.older_than(-60))) == 3


def test_a_connection_that_ends_in_the_commit_leaves_its_outcome_unknown(postgres: Postgres) -> None:
    """A trigger that waits for the commit ends its own connection; one that is ended before is a plain failure."""
    with postgres_node(migrated_database(postgres), QueueSettings()) as node:
        book = Book(node.database)
        book.account()
        assert node.engine is not None
        with node.engine.connect() as connection:
            connection.execute(text(LEAVE))
            connection.execute(text(AT_COMMIT))
        with pytest.raises(OutcomeUnknownError), node.database.transaction() as change:
            change.accounts.topup("key", 1, 1.0)
        with pytest.raises(StoreUnavailableError) as caught, node.database.transaction() as change:
            change.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")).first()
        assert not isinstance(caught.value, OutcomeUnknownError)
        assert book.credit() == 10
