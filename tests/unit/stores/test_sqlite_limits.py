"""Rates of one machine: exact over processes that share the data folder, and kept over a restart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from leanpix.domain.account import RateBucket
from leanpix.stores.sql.sqlite_rate_limits import SqliteRateLimits

NOW_S = 1e9


def opened(folder: Path) -> closing[SqliteRateLimits]:
    return closing(SqliteRateLimits(folder / "rates.db", lambda: NOW_S))


def test_two_who_share_the_file_let_one_burst_through_between_them(tmp_path: Path) -> None:
    with opened(tmp_path) as one, opened(tmp_path) as other, ThreadPoolExecutor(8) as threads:
        both = [one, other] * 40
        waits = list(threads.map(lambda rates: rates.take("key", RateBucket.QUERY, 20), both))
    assert waits.count(0.0) == 20


def test_what_was_used_before_a_restart_counts_after_it(tmp_path: Path) -> None:
    with opened(tmp_path) as rates:
        assert rates.take("key", RateBucket.CREATE, 1) == 0
    with opened(tmp_path) as rates:
        assert rates.take("key", RateBucket.CREATE, 1) > 0


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "rates.db").write_bytes(b"no database at all " * 500)
    with opened(tmp_path) as rates:
        assert rates.take("key", RateBucket.CREATE, 1) == 0
        assert rates.take("key", RateBucket.CREATE, 1) > 0
