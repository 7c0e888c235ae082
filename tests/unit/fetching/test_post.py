"""Delivering a body to an address that a stranger gave."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import h11
import pytest

from leanpix.fetching.fetcher import SafeFetcher
from leanpix.fetching.refusal import FetchError

if TYPE_CHECKING:
    from tests.unit.fetching.conftest import Conversation, Dialer, Lab, Origin


def test_the_body_and_headers_arrive_and_the_status_comes_back(lab: Lab, origin: Origin) -> None:
    origin.route("/hook", b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")
    body = b"x" * 300_000
    answer = lab.fetcher(origin.port).post(
        f"http://srv.good.net:{origin.port}/hook",
        body,
        [("X-Signature", "abc"), ("Content-Type", "application/json")],
    )
    head, _, sent = origin.requests[0].partition(b"\r\n\r\n")
    assert (answer.status, sent) == (202, body)
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    assert b"X-Signature: abc" in head.split(b"\r\n")


def test_an_empty_body_is_sent_with_its_length(lab: Lab, origin: Origin) -> None:
    origin.route("/hook", b"HTTP/1.1 204 No Content\r\n\r\n")
    assert lab.fetcher(origin.port).post(f"http://srv.good.net:{origin.port}/hook", b"").status == 204
    assert b"\r\nContent-Length: 0\r\n" in origin.requests[0]


def test_a_redirect_is_not_followed(lab: Lab, origin: Origin, canary: Origin) -> None:
    location = f"http://127.0.0.1:{canary.port}/"
    origin.route("/hook", f"HTTP/1.1 307 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    fetcher = lab.fetcher(origin.port, canary.port)
    assert fetcher.post(f"http://srv.good.net:{origin.port}/hook", b"{}").status == 307


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "srv.good.net", "[::1]", "169.254.169.254"])
def test_the_same_guard_stands_before_it(lab: Lab, canary: Origin, dialer: Dialer, host: str) -> None:
    fetcher = SafeFetcher(lab.settings(canary.port, nets=()), resolver=lab.resolver, dialer=dialer)
    with pytest.raises(FetchError, match="address_forbidden"):
        fetcher.post(f"http://{host}:{canary.port}/hook", b"{}")
    assert dialer.dialled == []


def test_an_endless_answer_does_not_keep_us(lab: Lab, origin: Origin) -> None:
    sent = 0

    def flood(conversation: Conversation) -> None:
        nonlocal sent
        conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent < 3000 and conversation.send(b"10000\r\n" + b"x" * 65536 + b"\r\n"):
            sent += 1

    origin.route("/hook", flood)
    fetcher = lab.fetcher(origin.port, fetch_timeout_s=60)
    assert fetcher.post(f"http://srv.good.net:{origin.port}/hook", b"{}").status == 200
    assert sent < 500  # of 64 KB each: what the kernel's buffers hold, not what there was to send


def test_an_answer_that_dribbles_does_not_keep_us(lab: Lab, origin: Origin) -> None:
    """The status is known by then: the rest is read only for the peer's sake."""
    left = Event()

    def dribble(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        while conversation.send(b"x"):
            left.wait(0.05)
        left.set()

    origin.route("/hook", dribble)
    patient = {"fetch_timeout_s": 600, "fetch_rate_grace_s": 600, "fetch_idle_timeout_s": 600}
    assert lab.fetcher(origin.port, **patient).post(f"http://srv.good.net:{origin.port}/hook", b"{}").status == 200
    assert left.wait(30), "the receiver was listened to all the while"


def test_a_head_that_dribbles_is_no_answer(lab: Lab, origin: Origin) -> None:
    left = Event()

    def dribble(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while conversation.send(b"x"):
            left.wait(0.05)
        left.set()

    origin.route("/hook", dribble)
    fetcher = lab.fetcher(origin.port, fetch_timeout_s=600, fetch_first_byte_timeout_s=0.5)
    with pytest.raises(FetchError, match="source_timeout"):
        fetcher.post(f"http://srv.good.net:{origin.port}/hook", b"{}")
    assert left.wait(30)


def test_a_receiver_that_reads_nothing_is_left(lab: Lab, origin: Origin) -> None:
    def ignore(conversation: Conversation) -> None:
        conversation.stay_silent()

    origin.route("/hook", ignore)
    with pytest.raises(FetchError, match="source_timeout"):
        lab.fetcher(origin.port).post(f"http://srv.good.net:{origin.port}/hook", b"{}")


def test_a_header_cannot_smuggle_another(lab: Lab, origin: Origin) -> None:
    with pytest.raises(h11.LocalProtocolError):
        lab.fetcher(origin.port).post(f"http://srv.good.net:{origin.port}/ok", b"", [("X", "1\r\nY: 2")])
    assert origin.requests == []


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("https://example.com/hook?a=b", True),
        ("http://192.0.2.1/", False),
        ("http://8.8.8.8/", True),
        ("http://10.0.0.1/hook", False),
        ("http://169.254.169.254/latest", False),
        ("http://[::1]/hook", False),
        ("http://[::ffff:10.0.0.1]/hook", False),
        ("http://localhost/hook", False),
        ("http://intranet/hook", False),
        ("http://user:pass@example.com/hook", False),
        ("https://example.com:22/hook", False),
        ("ftp://example.com/hook", False),
        ("example.com/hook", False),
    ],
)
def test_a_url_is_judged_as_it_is_written_without_a_lookup(lab: Lab, dialer: Dialer, url: str, verdict: bool) -> None:
    fetcher = SafeFetcher(lab.settings(nets=()), resolver=lab.resolver, dialer=dialer)
    assert fetcher.admits(url) is verdict
    assert lab.resolver.asked == dialer.dialled == []


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ("Retry-After: 120", 120),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT", 60),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:48:37 GMT", 0),
        ("Retry-After: Sun, 06 Nov 1994 08:50:37 GMT", None),
        ("Retry-After: soon", None),
        ("X: 1", None),
    ],
)
def test_how_long_a_receiver_asks_for(lab: Lab, origin: Origin, fields: str, seconds: float | None) -> None:
    origin.route("/hook", f"HTTP/1.1 503 Busy\r\n{fields}\r\nContent-Length: 0\r\n\r\n".encode())
    answer = lab.fetcher(origin.port).post(f"http://srv.good.net:{origin.port}/hook", b"{}")
    assert (answer.status, answer.retry_after_s) == (503, seconds)
