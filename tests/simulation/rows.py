"""Rows in memory with the transactions of SQLite or PostgreSQL: the model that stands for both.

SQLite: one writer at a time, from the beginning of its transaction to its end. PostgreSQL: READ COMMITTED, a lock on
each row that is written, deadlocks that end one of the two. In both a statement sees what was committed before it and
its own transaction's writes; a transaction is kept as a whole or not at all; what was committed without a wait for the
disk may be undone by a power cut, the newest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Condition
from typing import Any, ClassVar, Protocol

from leanpix.domain.errors import OutcomeUnknownError, StoreUnavailableError

Place = tuple[str, Any]
"""A row: its table and its primary key."""

BUSY_S = 30.0
LOCK_TIMEOUT_S = 16.0


class Runtime(Protocol):
    """What model stores run on: real threads, or actors of a simulation."""

    def point(self, what: str) -> None:
        """A call begins: others may run, and it may end here."""

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until a change makes the condition true; False where the time is over."""

    def changed(self) -> None:
        """Rows or locks have changed."""

    def owner(self) -> object:
        """Whose transaction one is that begins now."""


class Failures(Protocol):
    """What goes wrong between a process and its database; each may raise StoreUnavailableError."""

    def before(self, what: str) -> None:
        """Before a statement or a commit: nothing of it has happened."""

    def after(self, what: str) -> None:
        """After a commit, which has happened: its answer may be lost."""

    def delays(self, commit: Callable[[], None]) -> bool:
        """Whether a commit is done later, and its answer lost now."""

    def let_go(self, work: Work) -> None:
        """A transaction that was not committed is over for its process; the server undoes it, now or later."""


class NoFailures:
    """Nothing goes wrong."""

    def before(self, what: str) -> None:
        del what

    def after(self, what: str) -> None:
        del what

    def delays(self, commit: Callable[[], None]) -> bool:
        del commit
        return False

    def let_go(self, work: Work) -> None:
        work.end()


class Threads:
    """Model stores under real threads: what the contract tests run them on."""

    def __init__(self) -> None:
        self.mutex = Condition()

    def point(self, what: str) -> None:
        del what

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        return self.mutex.wait_for(condition, timeout_s)

    def changed(self) -> None:
        self.mutex.notify_all()

    def owner(self) -> object:
        return None


@dataclass(frozen=True, slots=True)
class Change:
    """One row before and after a commit; None: there is none."""

    table: str
    key: Any
    before: Any
    after: Any


class Rows:
    """Every committed row, and who has a lock on which. watch: told of each commit."""

    TABLES: ClassVar = (
        "accounts", "tasks", "cache_key", "ledger", "topups", "submissions", "notices", "salts", "batches", "items",
        "jobs", "installation", "usage_days", "row_sources", "row_results",
    )  # fmt: skip

    def __init__(self, runtime: Runtime, *, is_shared: bool, failures: Failures | None = None) -> None:
        self.runtime, self.is_shared = runtime, is_shared
        self.failures: Failures = failures or NoFailures()
        self.tables: dict[str, dict[Any, Any]] = {name: {} for name in self.TABLES}
        self.holders: dict[Place, Work] = {}
        self.writer: Work | None = None
        self.watch: Callable[[Sequence[Change]], None] = lambda _changes: None
        self.mutex = runtime.mutex if isinstance(runtime, Threads) else nullcontext()
        self.open: dict[Work, object] = {}
        self._unsynced: list[list[Change]] = []
        self._number = 0

    def next_number(self) -> int:
        """A number that no row has yet, as a sequence gives it."""
        self._number += 1
        return self._number

    def apply(self, written: Mapping[Place, Any], *, durable: bool) -> None:
        """Commit these rows; None removes one."""
        changes = []
        for (table, key), value in written.items():
            rows = self.tables[table]
            before = rows.get(key)
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
            changes.append(Change(table, key, before, value))
        if durable:
            self._unsynced.clear()
        else:
            self._unsynced.append(changes)
        self.watch(changes)

    def cut_power(self, kept: int) -> None:
        """Undo what was not on the disk yet, but for the oldest `kept` commits."""
        for changes in reversed(self._unsynced[kept:]):
            for change in reversed(changes):
                if change.before is None:
                    self.tables[change.table].pop(change.key, None)
                else:
                    self.tables[change.table][change.key] = change.before
        self._unsynced.clear()

    @property
    def unsynced(self) -> int:
        """How many commits a power cut may undo."""
        return len(self._unsynced)


class Work:
    """One transaction, or statements that are each kept by themselves."""

    def __init__(self, rows: Rows, *, is_transaction: bool, waits: bool = True) -> None:
        self.rows, self.is_transaction, self._waits_for_disk = rows, is_transaction, waits
        self.written: dict[Place, Any] = {}
        self.is_over = False
        self.is_left = False  # to the server, which ends it when it likes
        self._locked: list[Place] = []
        self._waits_for: Work | None = None

    def begin(self) -> None:
        """Start a transaction."""
        rows = self.rows
        rows.runtime.point("begin")
        rows.failures.before("begin")
        with rows.mutex:
            rows.open[self] = rows.runtime.owner()
            if not rows.is_shared:
                self._wait(lambda: rows.writer is None, BUSY_S)
                rows.writer = self

    def statement(self, what: str) -> None:
        """A statement is about to run."""
        self.rows.runtime.point(what)
        self.rows.failures.before(what)
        if self.is_over:  # the server has ended it: its peer was silent too long
            raise StoreUnavailableError

    def end_statement(self, what: str) -> None:
        """A statement has run: outside a transaction it is kept now."""
        if not self.is_transaction and self.written:
            written, self.written = self.written, {}
            self.rows.apply(written, durable=False)
            self.rows.runtime.changed()
            self.rows.failures.after(what)

    def get(self, table: str, key: Any) -> Any:
        """The row as this transaction sees it, or None."""
        if self.written and (table, key) in self.written:
            return self.written[table, key]
        return self.rows.tables[table].get(key)

    def every(self, table: str) -> Iterator[tuple[Any, Any]]:
        """The table's rows as this transaction sees them, with their keys, in the order of their insertion."""
        rows = self.rows.tables[table]
        if not self.written:
            yield from rows.items()
            return
        for key, value in rows.items():
            mine = self.written.get((table, key), value)
            if mine is not None:
                yield key, mine
        for (of_table, key), value in self.written.items():
            if of_table == table and value is not None and key not in rows:
                yield key, value

    def lock(self, table: str, key: Any) -> Any:
        """Wait until the row may be changed; what it is then. One that is not committed yet is not there: None."""
        is_there = key in self.rows.tables[table] or self.written.get((table, key)) is not None
        if self.rows.is_shared and not is_there:
            return None
        return self.lock_place(table, key)

    def lock_place(self, table: str, key: Any) -> Any:
        """Wait until a row may be inserted here; what is there then."""
        rows, place = self.rows, (table, key)
        if not rows.is_shared:
            if rows.writer not in (None, self):
                self._wait(lambda: rows.writer is None, BUSY_S)
            return self.get(table, key)
        holder = rows.holders.get(place)
        while holder is not None and holder is not self:
            self._wait_for_holder(place, holder)
            holder = rows.holders.get(place)
        if self.is_transaction and holder is None:
            rows.holders[place] = self
            self._locked.append(place)
        return self.get(table, key)

    def write(self, table: str, key: Any, value: Any) -> None:
        """Change a row that is locked; None removes it."""
        self.written[table, key] = value

    def commit(self) -> None:
        """Keep the transaction."""
        rows = self.rows
        rows.runtime.point("commit")
        rows.failures.before("commit")
        if rows.failures.delays(self._keep):
            self.is_left = True
            raise OutcomeUnknownError
        with rows.mutex:
            if self.is_over:
                raise StoreUnavailableError
            self._keep()
        rows.runtime.point("committed")
        rows.failures.after("commit")

    def end(self) -> None:
        """Let go of the locks; what was not committed is undone."""
        rows = self.rows
        if self.is_over:
            return
        self.is_over = True
        rows.open.pop(self, None)
        for place in self._locked:
            del rows.holders[place]
        if rows.writer is self:
            rows.writer = None
        rows.runtime.changed()

    def _keep(self) -> None:
        if self.written and not self.is_over:
            self.rows.apply(self.written, durable=self._waits_for_disk)
        self.end()

    def _wait_for_holder(self, place: Place, holder: Work) -> None:
        waiting: Work | None = holder
        while waiting is not None:
            if waiting is self:  # a deadlock: PostgreSQL ends the transaction that finds it
                raise StoreUnavailableError
            waiting = waiting._waits_for
        self._waits_for = holder
        try:
            self._wait(lambda: self.rows.holders.get(place) is not holder, LOCK_TIMEOUT_S)
        finally:
            self._waits_for = None

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> None:
        assert self.is_transaction or not self.written, "one statement of the model writes what it read before a wait"
        if not self.rows.runtime.wait_for(condition, timeout_s) or self.is_over:
            raise StoreUnavailableError
