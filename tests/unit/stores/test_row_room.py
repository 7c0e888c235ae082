"""Small results lie in rows until those take their share of the disk, and again once there is room in them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text
from tests.support.ledger import SettableClock

from leanpix.domain.room import Room
from leanpix.stores.row_room import RowRoom
from leanpix.stores.sql.database import SqlDatabase, sqlite_database

MB = 1024 * 1024
DISK = Room(100 * MB, 100 * MB, 0)


def fill(database: SqlDatabase, size_bytes: int) -> None:
    with database.transaction() as change:
        statement = text("INSERT OR REPLACE INTO installation VALUES ('filler', zeroblob(:size_bytes))")
        change.connection.execute(statement, {"size_bytes": size_bytes})


def test_rows_take_a_share_of_the_disk_and_no_more(tmp_path: Path) -> None:
    database, clock = sqlite_database(tmp_path / "rows.db"), SettableClock()
    room = RowRoom(database, lambda: DISK, 0.05, 1000, clock)
    assert room() == 1000
    fill(database, 6 * MB)
    assert room() == 1000, "it is looked at once a second"
    clock.move(1)
    assert room() == 0
    fill(database, 1)
    clock.move(1)
    assert room() == 1000, "the file has kept its size, and has room"
    database.close()
    assert RowRoom(database, lambda: DISK, 0.05, 0, clock)() == 0, "not looked at where nothing may lie there"
