"""Results that were just made: within a number of bytes, each until it is read once."""

from __future__ import annotations

from leanpix.service.recent_results import RecentResults


def test_a_result_is_there_until_it_is_read() -> None:
    recent = RecentResults(10)
    recent.add("a", b"12345")
    assert (recent.take("a"), recent.take("a"), recent.take("b")) == (b"12345", None, None)


def test_the_oldest_make_room_and_what_is_larger_than_all_is_left_out() -> None:
    recent = RecentResults(10)
    for key in "abc":
        recent.add(key, b"1234")
    recent.add("large", b"12345678901")
    assert [recent.take(key) for key in ("a", "b", "c", "large")] == [None, b"1234", b"1234", None]
    recent.add("all", b"1234567890")
    recent.add("all", b"0987654321")
    assert recent.take("all") == b"0987654321"
    recent.add("next", b"1234567890")
    assert recent.take("next") == b"1234567890"


def test_without_room_nothing_is_kept() -> None:
    recent = RecentResults(0)
    recent.add("a", b"1")
    assert recent.take("a") is None
