"""What one key may have of what all share: connections, and readers of results."""

from __future__ import annotations

from contextlib import suppress

import pytest
from starlette.requests import Request

from leanpix.domain.errors import ReadersError, RequestsError
from leanpix.web.reading import Readers
from leanpix.web.request_shares import RequestShares


def entered(shares: RequestShares, key_id: str, most: int = 100) -> int:
    """How many requests of a key are let in, one after the other."""
    request = Request({"type": "http", "leanpix.keys_under_way": []})
    with suppress(RequestsError):
        for _ in range(most):
            shares.enter(request, key_id)
    return len(request.scope["leanpix.keys_under_way"])


def test_a_key_has_as_many_requests_as_would_stay_free() -> None:
    shares = RequestShares(20)
    assert [entered(shares, key) for key in ("one", "two", "three")] == [10, 5, 2]
    shares.leave("one")
    shares.leave("one")
    assert entered(shares, "four") == 2
    assert entered(shares, "two") == 0


def test_the_first_request_of_a_key_is_let_in_whatever_the_others_have() -> None:
    shares = RequestShares(2)
    assert [entered(shares, key) for key in ("one", "two", "three")] == [1, 1, 1]


def test_one_keys_results_leave_readers_to_others() -> None:
    readers = Readers(20, 5)
    for number in range(10):
        readers.enter(f"result{number}", "one")
    with pytest.raises(ReadersError, match="of this key"):
        readers.enter("another", "one")
    assert readers.are_many
    readers.enter("anothers", "two")
    for number in range(9):
        readers.enter(f"unknown{number}", "")
    with pytest.raises(ReadersError, match="too many results are"):
        readers.enter("last", "three")
    for number in range(10):
        readers.leave(f"result{number}", "one")
    readers.enter("another", "one")
