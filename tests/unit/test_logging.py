"""Log lines as text: one a thing told, with a traceback as people read it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from leanpix.telemetry.logging import log_failure, set_up_logging
from leanpix.telemetry.settings import TelemetrySettings


@pytest.fixture(autouse=True)
def _set_back() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_line_names_what_it_tells_and_quotes_what_holds_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(TelemetrySettings())
    structlog.get_logger().info("request", status=200, ms=1.5, route="/a b", key_id=None, is_new=True)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("timestamp=20")
    assert line.endswith('Z level=info event=request status=200 ms=1.5 route="/a b" key_id= is_new=true\n')


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, 1.5, "", "plain", "two words", 'a "quoted" one', "a=b", "two\nlines", 'C:\\a "b"', "C:\\a"],
)
def test_a_value_is_written_as_logfmt_is(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(TelemetrySettings())
    structlog.get_logger().info("event", value=value, more="x y")
    expected = structlog.processors.LogfmtRenderer(bool_as_flag=False)(None, "", {"value": value, "more": "x y"})
    assert capsys.readouterr().err.rstrip("\n").partition(" event=event ")[2] == expected


def test_what_a_library_says_is_one_line_of_json_whatever_is_in_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    set_up_logging(TelemetrySettings(log_format="json"))
    logging.getLogger("a.library").warning("died of %s", 'x\n{"event": "forged"}\n')
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found["event"].startswith("died of x")
    assert (found["level"], found["logger"]) == ("warning", "a.library")


def test_a_traceback_stands_below_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(TelemetrySettings())
    try:
        int("none")
    except ValueError as failure:
        log_failure(failure)
    first, *below = capsys.readouterr().err.splitlines()
    assert first.endswith("level=error event=failure kind=ValueError")
    assert below[0] == "Traceback (most recent call last):"
    assert below[-1] == "ValueError: invalid literal for int() with base 10: 'none'"
