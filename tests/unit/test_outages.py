"""Which failures are an outage, and what is told of one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import structlog
from structlog.testing import capture_logs
from tests.support.ledger import SettableClock

from leanpix.domain.errors import StoreRefusedError, StoreUnavailableError
from leanpix.telemetry.outages import DATABASE, FILES, Outages, part_of, why_of


@pytest.fixture
def told() -> Iterator[list[Any]]:
    structlog.reset_defaults()
    with capture_logs() as lines:
        yield lines


def caused(by: BaseException) -> BaseException:
    failure = StoreUnavailableError()
    failure.__cause__ = by
    return failure


def test_an_outage_is_one_line_then_one_a_minute_then_its_end(told: list[Any]) -> None:
    clock = SettableClock()
    outages = Outages(clock)
    outages.works(DATABASE)
    for _ in range(131):
        outages.failed(DATABASE, "connection refused")
        clock.move(1)
    outages.works(DATABASE)
    clock.move(1)
    outages.works(DATABASE)
    outages.works(DATABASE)
    assert [line["event"] for line in told] == ["outage", "outage goes on", "outage goes on", "outage over"]
    assert (told[1]["seconds"], told[1]["failures"]) == (60, 61)
    assert (told[3]["seconds"], told[3]["failures"]) == (130, 131)


def test_two_parts_are_away_by_themselves(told: list[Any]) -> None:
    clock = SettableClock()
    outages = Outages(clock)
    outages.failed(DATABASE, "")
    outages.failed(FILES, "")
    assert outages.away == {DATABASE, FILES}
    clock.move(3)
    outages.works(FILES)
    assert outages.away == {DATABASE}
    assert [(line["event"], line["part"]) for line in told][-1] == ("outage over", FILES)


@pytest.mark.parametrize(
    ("failure", "part"),
    [
        (caused(psycopg.errors.AdminShutdown("shut down")), DATABASE),
        (psycopg.OperationalError("refused"), DATABASE),
        (caused(sqlite3.OperationalError("locked")), DATABASE),
        (psycopg.ProgrammingError("a defect"), None),
        (StoreUnavailableError(), FILES),
        (caused(OSError("no room")), FILES),
        (TimeoutError(), None),
        (ValueError("a defect"), None),
    ],
)
def test_what_is_an_outage_and_of_what(failure: BaseException, part: str | None) -> None:
    assert part_of(failure) == part


def test_the_first_cause_is_told_in_one_line() -> None:
    assert why_of(caused(psycopg.OperationalError("refused\n\tis it there?"))) == "refused"
    assert why_of(StoreRefusedError("no such bucket")) == "no such bucket"
    assert why_of(caused(TimeoutError())) == "TimeoutError"
