"""Rates of one machine: exact from many threads, and a budget that may be overdrawn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.ledger import SettableClock

from leanpix.domain.account import RateBucket
from leanpix.stores.process_rates import ProcessRateLimits
from leanpix.stores.sql.rate_limits import FURTHEST_OWED_S


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def rates(clock: SettableClock) -> ProcessRateLimits:
    return ProcessRateLimits(clock)


def test_of_many_threads_exactly_one_burst_passes(rates: ProcessRateLimits) -> None:
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: rates.take("key", RateBucket.QUERY, 20), range(80)))
    assert waits.count(0.0) == 20


def test_a_refused_request_is_told_when_it_would_be_let_through(rates: ProcessRateLimits, clock: SettableClock) -> None:
    assert [rates.take("key", RateBucket.CREATE, 2) for _ in range(3)] == [0, 0, pytest.approx(0.5)]
    clock.move(0.4)
    assert rates.take("key", RateBucket.CREATE, 2) == pytest.approx(0.1)
    clock.move(0.1)
    assert [rates.take("key", RateBucket.CREATE, 2) for _ in range(2)] == [0, pytest.approx(0.5)]
    clock.move(3600)
    assert [rates.take("key", RateBucket.CREATE, 2) for _ in range(3)] == [0, 0, pytest.approx(0.5)]


def test_what_was_spent_is_owed_until_the_budget_has_grown_by_it(
    rates: ProcessRateLimits, clock: SettableClock
) -> None:
    assert rates.owed_s("key", RateBucket.CPU) == 0
    for _ in range(2):
        rates.spend("key", RateBucket.CPU, 8.0, 4.0)
    assert rates.owed_s("key", RateBucket.CPU) == pytest.approx(4)
    clock.move(3)
    assert rates.owed_s("key", RateBucket.CPU) == pytest.approx(1)
    assert rates.owed_s("other", RateBucket.CPU) == 0
    clock.move(60)
    assert rates.owed_s("key", RateBucket.CPU) == 0
    rates.spend("key", RateBucket.CPU, 1e9, 4.0)
    assert rates.owed_s("key", RateBucket.CPU) == FURTHEST_OWED_S
