"""The reference table of addresses, where the checkout has it beside it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.forms import fetched

from leanpix.fetching.fetcher import SafeFetcher
from leanpix.fetching.refusal import FetchFailure

if TYPE_CHECKING:
    from tests.unit.fetching.conftest import Conversation, Dialer, Lab, Origin

TABLE = Path(__file__).resolve().parents[4] / "shared" / "tools" / "ssrf_cases.tsv"
if not TABLE.exists():
    pytest.skip("the reference table ../shared/tools/ssrf_cases.tsv is not here", allow_module_level=True)
CASES = list(csv.DictReader(TABLE.read_text("utf-8").splitlines(), delimiter="\t"))


def cases(*layers: str) -> pytest.MarkDecorator:
    chosen = [pytest.param(case, id=case["id"]) for case in CASES if case["layer"] in layers]
    return pytest.mark.parametrize("case", chosen)


def outcome(fetcher: SafeFetcher, url: str) -> str:
    try:
        return "fetched" if fetched(fetcher, url) else "empty"
    except FetchFailure as failure:
        return failure.reason.value


@cases("url", "ip", "dns")
def test_the_verdict_on_an_address(lab: Lab, canary: Origin, dialer: Dialer, case: dict[str, str]) -> None:
    lab.resolver.everything_else = [a for a in case["dns"].split(",") if a] or ["127.0.0.1"]
    settings = lab.settings(80, 443, canary.port, nets=())
    result = outcome(SafeFetcher(settings, resolver=lab.resolver, dialer=dialer), case["url"])
    if case["verdict"] == "allow":
        # Allowed: the connection was tried, to the very address (and left unmade, tests stay on this machine).
        assert result == "source_unreachable"
        assert dialer.dialled == ([case["dns"]] if case["dns"] else [case["url"].split("/")[2]])
    else:
        assert result in case["code"].split("|")
        assert dialer.dialled == []


def scripts(port: int) -> dict[str, bytes | Callable[[Conversation], None]]:
    """The table's servers, by path."""

    def lie_big(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        conversation.stay_silent()

    def drip(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while conversation.send(b"x"):
            conversation.pause(0.2)

    def big_head(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000_000 + b"\r\n\r\n")

    found = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {}\r\n\r\n"
    return {
        "/r-ok": found.format("/ok").encode(),
        "/r-cred": found.format(f"http://u:p@srv.good.net:{port}/ok").encode(),
        "/lie-big": lie_big,
        "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789",
        "/drip": drip,
        "/silent": lambda conversation: conversation.stay_silent(),
        "/big-head": big_head,
    }


@cases("srv")
def test_the_verdict_on_a_server(lab: Lab, origin: Origin, canary: Origin, case: dict[str, str]) -> None:
    for path, script in scripts(origin.port).items():
        origin.route(path, script)
    fetcher = lab.fetcher(origin.port, canary.port)
    result = outcome(fetcher, case["url"].replace("{P}", str(origin.port)))
    assert result in (["fetched"] if case["verdict"] == "allow" else case["code"].split("|"))
    assert origin.requests


def test_the_table_is_whole() -> None:
    assert {case["layer"] for case in CASES} == {"url", "ip", "dns", "srv"}
    assert len(CASES) == 25
