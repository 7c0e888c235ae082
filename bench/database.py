"""What the databases take: statements one by one, and writers at once. Writes tables to standard output.

SQLite in a folder, and PostgreSQL where its programs, or the wheel's, are here.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import chain, count
from pathlib import Path
from threading import Event, Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.ledger import Book, success
from tests.support.ports import migrated_database, postgres_node, sqlite_node
from tests.support.servers import Postgres

from leanpix.domain.account import Account
from leanpix.domain.task import Task
from leanpix.queues.settings import QueueSettings
from leanpix.service.execute import record
from leanpix.stores.sql.database import SqlDatabase, SqlTransaction

KEY = "bench"
NUMBERS = count()
_RUNS, _TIMES = 5, 800
_PAUSE_S = 0.002
Row = tuple[str, str]


def main() -> int:
    """Run both measurements and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="how long the writers write")
    parser.add_argument("--folder", type=Path, help="where the database is made: on the disk that is meant")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, sqlite_node(Path(folder), time.time) as node:
        show("SQLite", node.database, arguments.seconds)
    server = Postgres().start()
    try:
        with postgres_node(migrated_database(server), QueueSettings()) as node:
            show("PostgreSQL", node.database, arguments.seconds)
    finally:
        server.close()
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    return 0


def show(name: str, database: SqlDatabase, seconds: float) -> None:
    """Measure one database and print its table."""
    with database.transaction() as change:
        change.accounts.add(Account(KEY, KEY, 2.0, 10**9, is_admin=False, created_at=1.0), bytes(32))
    print(f"\n| {name} | figure |\n|---|---|")
    for what, figure in [*statement_rows(database), *task_rows(Book(database)), *writer_rows(database, seconds)]:
        print(f"| {what} | {figure} |", flush=True)


def task_rows(book: Book) -> list[Row]:
    """What a task asks of it: its acceptance, its claim, its end."""
    claimed: list[Task] = []

    def end() -> None:
        task = claimed.pop()
        with book.database.transaction() as change:
            record(change, task, success(task), 3.0)

    return [
        ("a task accepted and claimed", microseconds(lambda: claimed.append(book.claimed(book.task(KEY))))),
        ("its end and charge", microseconds(end)),
    ]


def statement_rows(database: SqlDatabase) -> list[Row]:
    """Processor time of a connection and what is asked of it, one after the other."""
    return [
        (
            "a count of unfinished tasks",
            microseconds(lambda: look(database, lambda view: view.tasks.count_unfinished(KEY))),
        ),
        ("an account", microseconds(lambda: look(database, lambda view: view.accounts.get(KEY)))),
        ("a hold: two statements that write", microseconds(lambda: hold(database.autocommit))),
    ]


def writer_rows(database: SqlDatabase, seconds: float) -> list[Row]:
    """How long six that write transactions and two that write single statements take for each, all at once."""
    stop = Event()
    kinds = {"transaction": [list[float]() for _ in range(6)], "single step": [list[float]() for _ in range(2)]}
    blocks = {"transaction": database.transaction, "single step": database.autocommit}
    threads = [
        Thread(target=write, args=(blocks[kind], taken, stop)) for kind, lists in kinds.items() for taken in lists
    ]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return [
        (f"six write transactions and two single steps, at once: a {kind}", quantiles(list(chain.from_iterable(lists))))
        for kind, lists in kinds.items()
    ]


def look(database: SqlDatabase, ask: Callable[[SqlTransaction], object]) -> None:
    """Ask once, on a connection of its own."""
    with database.reading() as view:
        ask(view)


def hold(block: Callable[[], AbstractContextManager[SqlTransaction]]) -> None:
    """Set a credit aside."""
    with block() as change:
        change.accounts.hold(KEY, f"task {next(NUMBERS)}", 1, 1.0)


def write(block: Callable[[], AbstractContextManager[SqlTransaction]], taken_s: list[float], stop: Event) -> None:
    """Hold credits until told to stop, with pauses; how long each took."""
    while not stop.is_set():
        began = time.perf_counter()
        hold(block)
        taken_s.append(time.perf_counter() - began)
        time.sleep(_PAUSE_S)


def microseconds(act: Callable[[], object]) -> str:
    """Processor time of one act: the median of several runs of many."""
    runs = [_run(act) for _ in range(_RUNS)]
    return f"{1e6 * statistics.median(runs):.0f} us ({1e6 * min(runs):.0f} to {1e6 * max(runs):.0f})"


def _run(act: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(_TIMES):
        act()
    return (time.process_time() - began) / _TIMES


def quantiles(taken_s: Sequence[float]) -> str:
    """Median, 95th percentile and maximum."""
    ordered = sorted(taken_s)
    picked = [ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95, 1)]
    return "{:.1f} / {:.1f} / {:.1f} ms (p50 / p95 / max)".format(*(1e3 * value for value in picked))


if __name__ == "__main__":
    raise SystemExit(main())
