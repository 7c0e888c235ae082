"""What runs have done of a catalogue, file by file, so that a later one does only what is left.

SQLite, for a catalogue may have more files than memory has room for. The rows of what is under way are written before
it begins: a run that is killed leaves no file in the target that the next run does not know for its own.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from leanpix.cli.batch.items import Outcome
from leanpix.cli.paths import is_there, real_path
from leanpix.domain.errors import SetupError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    key TEXT PRIMARY KEY, target TEXT NOT NULL UNIQUE, options TEXT NOT NULL, source_stamp TEXT NOT NULL,
    digest TEXT NOT NULL, headers TEXT NOT NULL, target_stamp TEXT NOT NULL, size_before INTEGER NOT NULL,
    size_after INTEGER NOT NULL, outcome TEXT NOT NULL, message TEXT NOT NULL
) WITHOUT ROWID
"""
_TEMPORARY = """
CREATE TEMP TABLE there (target TEXT PRIMARY KEY, stamp TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE seen (key TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_COLUMNS = (
    "key, target, options, source_stamp, digest, headers, target_stamp, size_before, size_after, outcome, message"
)
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a source: where it lies in the target, and what that had for a stamp then.

    target_stamp empty: its writing was begun, and may have ended. options: the name of the set it was made with.
    digest: of the source's content, empty where it was not read whole. headers: what the target has of them, as text.
    """

    key: str
    target: str
    options: str
    source_stamp: str
    digest: str = ""
    headers: str = ""
    target_stamp: str = ""
    size_before: int = 0
    size_after: int = 0
    outcome: Outcome = Outcome.NOT_BEGUN
    message: str = ""


class TargetTakenError(Exception):
    """Another source's result has this name; the text is that source's key."""


class CatalogueJournal:
    """The rows of one source and one target. Thread-safe. is_read_only: nothing is written, for a run that is dry."""

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        self._path, self._is_read_only = path, is_read_only
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        """Open it; SetupError where it cannot be kept, or another run has it."""
        try:
            self._database = self._connected()
            self._database.executescript(_TEMPORARY)
        except (sqlite3.Error, OSError) as failure:
            is_taken = "locked" in str(failure)
            why = "another run is using it" if is_taken else getattr(failure, "strerror", None) or str(failure)
            raise SetupError(f"cannot remember what is done in {self._path}: {why}; see --state") from failure
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def begin_pass(self) -> None:
        """Forget what an earlier look at both places has found."""
        with self._lock:
            self._database.execute("DELETE FROM there")
            self._database.execute("DELETE FROM seen")

    def keep_there(self, found: Iterable[tuple[str, str]]) -> None:
        """Note what the target has: names and stamps."""
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR REPLACE INTO there VALUES (?, ?)", found)
            self._database.execute("COMMIT")

    def stamp_there(self, target: str) -> str | None:
        """The stamp of a file of the target; None where there is none."""
        found = self._one("SELECT stamp FROM there WHERE target = ?", target)
        return None if found is None else str(found[0])

    def row_of(self, key: str) -> Row | None:
        """What became of a source in an earlier run."""
        return _row(self._one(f"SELECT {_COLUMNS} FROM files WHERE key = ?", key))  # noqa: S608 - our own columns

    def rows_at(self, key: str) -> list[Row]:
        """What became of a source, or of all in a folder of that name."""
        query = f"SELECT {_COLUMNS} FROM files WHERE key = ? OR (key > ? AND key < ?)"  # noqa: S608 - our own columns
        with self._lock:
            found = self._database.execute(query, (key, f"{key}/", f"{key}0")).fetchall()  # 0 comes after /
        return [row for one in found if (row := _row(one)) is not None]

    def see(self, key: str) -> None:
        """Note that there still is this source."""
        self._do("INSERT OR IGNORE INTO seen VALUES (?)", key)

    def keep(self, row: Row) -> None:
        """Remember a row; TargetTakenError."""
        if self._is_read_only:
            return
        values = tuple(getattr(row, name) for name in Row.__slots__)
        marks = ", ".join("?" * len(values))
        with self._lock:
            self.refuse_taken(row.key, row.target)
            self._database.execute(f"INSERT OR REPLACE INTO files ({_COLUMNS}) VALUES ({marks})", values)  # noqa: S608 - our own columns

    def refuse_taken(self, key: str, target: str) -> None:
        """TargetTakenError where the target's name is that of another source's result."""
        with self._lock:
            query = "SELECT key FROM files WHERE target = ? AND key != ?"
            owner = self._database.execute(query, (target, key)).fetchone()
        if owner is not None:
            raise TargetTakenError(owner[0])

    def forget(self, key: str) -> None:
        """Remember nothing of a source that is gone."""
        if not self._is_read_only:
            self._do("DELETE FROM files WHERE key = ?", key)

    def gone(self) -> Iterator[Row]:
        """What was made of sources that this run has not seen; rows may be forgotten meanwhile."""
        after = ""
        query = f"SELECT {_COLUMNS} FROM files WHERE key > ? AND key NOT IN (SELECT key FROM seen) ORDER BY key LIMIT ?"  # noqa: S608 - our own columns
        while True:
            with self._lock:
                rows = self._database.execute(query, (after, _PAGE)).fetchall()
            if not rows:
                return
            yield from (row for one in rows if (row := _row(one)) is not None)
            after = rows[-1][0]

    def _connected(self) -> sqlite3.Connection:
        if self._is_read_only and not is_there(self._path):
            database = _opened(":memory:")
            database.execute(_SCHEMA)
            return database
        if self._is_read_only:
            return _opened(f"{real_path(self._path).as_uri()}?mode=ro", is_uri=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        database = _opened(str(self._path))
        try:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")  # one run at a time: two would take each other's files
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("BEGIN IMMEDIATE")
            database.execute(_SCHEMA)
            database.execute("COMMIT")
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _one(self, query: str, value: str) -> tuple[object, ...] | None:
        with self._lock:
            found: tuple[object, ...] | None = self._database.execute(query, (value,)).fetchone()
        return found

    def _do(self, statement: str, value: str) -> None:
        with self._lock:
            self._database.execute(statement, (value,))


def _opened(name: str, *, is_uri: bool = False) -> sqlite3.Connection:
    # One connection for all threads, each of whose calls is under the lock; its temporary tables lie on the disk.
    database = sqlite3.connect(name, timeout=1, isolation_level=None, check_same_thread=False, uri=is_uri)
    with suppress(sqlite3.Error):
        database.execute("PRAGMA temp_store = FILE")
    return database


def _row(found: tuple[object, ...] | None) -> Row | None:
    if found is None:
        return None
    values = dict(zip(Row.__slots__, found, strict=True))
    return Row(**values | {"outcome": Outcome(str(values["outcome"]))})  # type: ignore[arg-type] # SQLite's own types
