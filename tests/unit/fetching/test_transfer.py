"""What a source's server may and may not do to us, against real servers on loopback."""

from __future__ import annotations

import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import brotli
import pytest
from tests.support.forms import fetched

from leanpix.domain.states import TaskState
from leanpix.fetching.fetcher import SafeFetcher
from leanpix.fetching.refusal import FetchError, FetchFailure

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from tests.unit.fetching.conftest import Conversation, Lab, Origin, Script

PICTURE = bytes(range(256)) * 8


def refusal(fetcher: SafeFetcher, url: str) -> str:
    """The reason for which a fetch fails; the public side must be one of the two texts, its state's own."""
    with pytest.raises(FetchFailure) as failure:
        fetched(fetcher, url)
    too_large = failure.value.reason == "source_too_large"
    assert failure.value.state is (TaskState.SOURCE_TOO_LARGE if too_large else TaskState.DOWNLOAD_FAILED)
    assert str(failure.value) == failure.value.state.text
    assert isinstance(failure.value.__cause__, FetchError)
    return failure.value.reason.value


def fields(*lines: str, status: str = "200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, "")).encode()


def redirect(location: str, status: str = "302 Found") -> bytes:
    return fields(f"Location: {location}", "Content-Length: 0", status=status)


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return fields("Transfer-Encoding: chunked") + body + b"0\r\n\r\n"


# ---- what has to work


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(fields("Content-Length: 2048") + PICTURE, id="a body with its length"),
        pytest.param(chunked(PICTURE[:1000], PICTURE[1000:]), id="a chunked body"),
        pytest.param(fields("Connection: close") + PICTURE, id="a body that ends with the connection"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + PICTURE, id="an HTTP/1.0 body that ends with the connection"),
        pytest.param(fields(status="103 Early Hints") + chunked(PICTURE), id="an early hint first"),
        pytest.param(fields("Content-Encoding: identity", "Content-Length: 2048") + PICTURE, id="identity by name"),
        pytest.param(fields("Content-Length: 2048", "Content-Type: text/html") + PICTURE, id="any media type"),
    ],
)
def test_a_body_arrives_whole(lab: Lab, origin: Origin, script: Script) -> None:
    origin.route("/a", script)
    assert fetched(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == PICTURE


def test_the_request_says_what_it_should_and_no_more(lab: Lab, origin: Origin) -> None:
    origin.route("/%C3%BC?q=1", fields("Content-Length: 0"))
    fetched(lab.fetcher(origin.port, fetch_user_agent="leanpix/9"), f"http://SRV.good.net:{origin.port}/ü?q=1#part")
    line, *rest = origin.requests[0].decode().rstrip().split("\r\n")
    assert line == "GET /%C3%BC?q=1 HTTP/1.1"
    assert dict(field.split(": ") for field in rest) == {
        "Host": f"srv.good.net:{origin.port}",
        "User-Agent": "leanpix/9",
        "Connection": "close",
        "Accept": "image/*,*/*;q=0.5",
        "Accept-Encoding": "identity",
    }


# ---- size


def test_a_declared_length_over_the_limit_is_refused_by_the_header_alone(lab: Lab, origin: Origin) -> None:
    def lie(conversation: Conversation) -> None:
        conversation.send(fields("Content-Length: 10000000000"))
        conversation.stay_silent()

    origin.route("/a", lie)
    # The body never comes: only the header can be the reason.
    assert refusal(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "source_too_large"


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Connection: close"])
def test_an_undeclared_body_is_counted_while_it_streams(lab: Lab, origin: Origin, framing: str) -> None:
    def flood(conversation: Conversation) -> None:
        conversation.send(fields(framing))
        while conversation.send(b"10000\r\n" + b"x" * 65536 + b"\r\n"):
            pass

    origin.route("/a", flood)
    fetcher = lab.fetcher(origin.port, fetch_max_bytes=1_000_000, fetch_timeout_s=30)
    assert refusal(fetcher, f"http://srv.good.net:{origin.port}/a") == "source_too_large"


@pytest.mark.parametrize(("size", "accepted"), [(1000, True), (1001, False)])
def test_the_size_limit_is_exact(lab: Lab, origin: Origin, size: int, *, accepted: bool) -> None:
    origin.route("/a", chunked(b"x" * size))
    origin.route("/b", fields(f"Content-Length: {size}") + b"x" * size)
    fetcher = lab.fetcher(origin.port, fetch_max_bytes=1000)
    for path in "ab":
        url = f"http://srv.good.net:{origin.port}/{path}"
        if accepted:
            assert len(fetched(fetcher, url)) == size
        else:
            assert refusal(fetcher, url) == "source_too_large"


def test_a_flood_of_one_byte_chunks_is_cut(lab: Lab, origin: Origin) -> None:
    def crumbs(conversation: Conversation) -> None:
        conversation.send(fields("Transfer-Encoding: chunked"))
        while conversation.send((b"1;" + b"e" * 1000 + b"\r\nx\r\n") * 50):
            pass

    origin.route("/a", crumbs)
    fetcher = lab.fetcher(origin.port, fetch_timeout_s=60, fetch_rate_grace_s=60, fetch_idle_timeout_s=60)
    assert refusal(fetcher, f"http://srv.good.net:{origin.port}/a") == "source_invalid"


# ---- time


def silence(conversation: Conversation) -> None:
    conversation.stay_silent()


def half_a_header(conversation: Conversation) -> None:
    conversation.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    conversation.stay_silent()


def dripping_header(conversation: Conversation) -> None:
    conversation.send(b"HTTP/1.1 200 OK\r\nX: ")
    while conversation.send(b"x"):
        conversation.pause(0.05)


def half_a_body(conversation: Conversation) -> None:
    conversation.send(fields("Content-Length: 1000") + b"x" * 500)
    conversation.stay_silent()


def dripping_body(conversation: Conversation) -> None:
    conversation.send(fields("Content-Length: 100000"))
    while conversation.send(b"x"):
        conversation.pause(0.05)


def brisk_endless_body(conversation: Conversation) -> None:
    conversation.send(fields("Connection: close"))
    while conversation.send(b"x" * 5000):
        conversation.pause(0.05)


LONG = {
    "fetch_timeout_s": 60,
    "fetch_first_byte_timeout_s": 60,
    "fetch_idle_timeout_s": 60,
    "fetch_rate_grace_s": 60,
}


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        (silence, "fetch_first_byte_timeout_s"),
        (half_a_header, "fetch_first_byte_timeout_s"),
        (dripping_header, "fetch_first_byte_timeout_s"),
        (half_a_body, "fetch_idle_timeout_s"),
        (half_a_body, "fetch_rate_grace_s"),
        (dripping_body, "fetch_rate_grace_s"),
        (brisk_endless_body, "fetch_timeout_s"),
        (dripping_body, "fetch_timeout_s"),
        (silence, "fetch_timeout_s"),
    ],
)
def test_each_time_limit_holds_by_itself(lab: Lab, origin: Origin, script: Script, limit: str) -> None:
    origin.route("/a", script)
    fetcher = lab.fetcher(origin.port, **{**LONG, limit: 0.4})
    started = time.monotonic()
    assert refusal(fetcher, f"http://srv.good.net:{origin.port}/a") == "source_timeout"
    # Not a measure of speed: every other limit is a minute, so this one has to be the reason.
    assert time.monotonic() - started < 30


def hanging_resolver(asked: list[str], released: threading.Event) -> Callable[[str], list[str]]:
    def hang(host: str) -> list[str]:
        asked.append(host)
        released.wait(20)
        return ["127.0.0.1"]

    return hang


def test_a_slow_resolver_is_left_behind(lab: Lab, origin: Origin) -> None:
    released = threading.Event()
    settings = lab.settings(origin.port, fetch_dns_timeout_s=0.1, fetch_timeout_s=60)
    fetcher = SafeFetcher(settings, resolver=hanging_resolver([], released))
    assert refusal(fetcher, f"http://srv.good.net:{origin.port}/ok") == "source_timeout"
    released.set()


def test_hanging_lookups_are_bounded_in_number(lab: Lab, origin: Origin) -> None:
    asked, released = list[str](), threading.Event()
    settings = lab.settings(origin.port, fetch_dns_timeout_s=0.05, fetch_max_lookups=2)
    fetcher = SafeFetcher(settings, resolver=hanging_resolver(asked, released))
    for number in range(6):
        refusal(fetcher, f"http://n{number}.good.net:{origin.port}/ok")
    assert asked == ["n0.good.net", "n1.good.net"]
    released.set()


def test_lookup_threads_are_given_back(lab: Lab, origin: Origin) -> None:
    fetcher = lab.fetcher(origin.port, fetch_max_lookups=1)
    for _ in range(3):
        assert fetched(fetcher, f"http://srv.good.net:{origin.port}/ok") == PICTURE
    assert refusal(fetcher, f"http://unknown.good.net:{origin.port}/ok") == "source_unreachable"
    assert fetched(fetcher, f"http://srv.good.net:{origin.port}/ok") == PICTURE


def test_a_lookup_that_cannot_start_costs_no_place(lab: Lab, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    fetcher = lab.fetcher(origin.port, fetch_max_lookups=1)
    start = threading.Thread.start

    def exhausted(thread: threading.Thread) -> None:
        if thread.name == "lookup":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", exhausted)
        assert refusal(fetcher, f"http://srv.good.net:{origin.port}/ok") == "source_unreachable"
    assert fetched(fetcher, f"http://srv.good.net:{origin.port}/ok") == PICTURE


# ---- grammar


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(fields("Content-Length: 1000") + b"x" * 10, id="shorter than declared"),
        pytest.param(fields("Transfer-Encoding: chunked") + b"5\r\nabc", id="cut within a chunk"),
        pytest.param(fields("Transfer-Encoding: chunked") + b"3\r\nabc\r\n", id="no last chunk"),
        pytest.param(fields("Transfer-Encoding: chunked") + b"zz\r\nabc\r\n", id="a chunk size that is no number"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="cut within the header"),
        pytest.param(b"", id="nothing at all"),
        pytest.param(b"\x89PNG\r\n\r\n not http at all\r\n\r\n", id="not HTTP"),
        pytest.param(fields("Content-Length: 5", "Content-Length: 6") + b"abcdef", id="two lengths"),
        pytest.param(fields("Content-Length: -5") + b"abcdef", id="a negative length"),
        pytest.param(fields("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", id="a compressed transfer"),
        pytest.param(fields("Transfer-Encoding: gzip") + b"abc", id="an unknown transfer coding"),
        pytest.param(fields("Upgrade: h2c", status="101 Switching Protocols"), id="switching protocols unasked"),
        pytest.param(fields(*(f"X-{i}: 1" for i in range(101))), id="101 header fields"),
        pytest.param(fields("X: " + "x" * 40_000), id="a header of 40 KB"),
        pytest.param(fields(status="103 Early Hints") * 2000 + chunked(PICTURE), id="56 KB of hints first"),
        pytest.param(fields("Connection: close", status="302 Found"), id="a redirect to nowhere"),
        pytest.param(fields("Location: /a", "Location: /ok", status="302 Found"), id="two places at once"),
    ],
)
def test_a_broken_answer_is_refused(lab: Lab, origin: Origin, script: Script) -> None:
    origin.route("/a", script)
    patient = lab.fetcher(origin.port, fetch_first_byte_timeout_s=3.0, fetch_idle_timeout_s=3.0, fetch_rate_grace_s=3.0)
    assert refusal(patient, f"http://srv.good.net:{origin.port}/a") == "source_invalid"


def test_a_header_without_end_is_cut_at_its_limit(lab: Lab, origin: Origin) -> None:
    sent = 0

    def big_head(conversation: Conversation) -> None:
        nonlocal sent
        conversation.send(b"HTTP/1.1 200 OK\r\n")
        while sent < 100_000_000 and conversation.send(b"X: " + b"x" * 4000 + b"\r\n"):
            sent += 4005

    origin.route("/a", big_head)
    patient = lab.fetcher(origin.port, fetch_first_byte_timeout_s=3.0, fetch_idle_timeout_s=3.0, fetch_rate_grace_s=3.0)
    assert refusal(patient, f"http://srv.good.net:{origin.port}/a") == "source_invalid"
    assert sent < 20_000_000  # what the kernel's buffers hold, not what the server would have sent


def test_a_header_just_below_the_limits_is_read(lab: Lab, origin: Origin) -> None:
    many = (f"X-{i}: {'x' * 300}" for i in range(98))
    origin.route("/a", fields("Content-Length: 2048", *many) + PICTURE)
    assert fetched(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == PICTURE


# ---- a caller's own fields


def test_a_callers_fields_go_to_the_addresss_own_origin_and_no_further(lab: Lab, origin: Origin) -> None:
    lab.resolver.table["other.good.net"] = ["127.0.0.1"]
    asked = (("Authorization", "Basic c2hvcDpzZWNyZXQ="), ("Referer", "https://shop.example/"), ("Cookie", "a=b; c=d"))
    here = f"http://srv.good.net:{origin.port}"
    for number, location in enumerate(["/on", f"http://other.good.net:{origin.port}/away", f"{here}/back"]):
        origin.route(("/a", "/on", "/away")[number], redirect(location))
    origin.route("/back", fields("Content-Length: 2048") + PICTURE)
    assert fetched(lab.fetcher(origin.port), f"{here}/a", asked) == PICTURE
    sent = {request.split()[1].decode(): request for request in origin.requests}
    for name, value in asked:
        field = f"\r\n{name}: {value}\r\n".encode()
        assert [path for path, request in sent.items() if field in request] == ["/a", "/on", "/back"]


# ---- content codings


def coded(name: str, content: bytes) -> bytes:
    if name == "zstd":
        return zstd.compress(content)
    if name == "br":
        return bytes(brotli.compress(content))
    if name == "framed aws-chunked":
        pieces = [content[:1000], content[1000:1001], content[1001:], b""]
        return b"".join(b"%x;chunk-signature=%064x\r\n%b\r\n" % (len(piece), 7, piece) for piece in pieces)
    wbits = {"gzip": 31, "x-gzip": 31, "deflate": 15, "raw deflate": -15}.get(name)
    if wbits is None:
        return content
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    "coding",
    ["gzip", "x-gzip", "deflate", "raw deflate", "aws-chunked", "framed aws-chunked", "aws-chunked,gzip", "zstd", "br"],
)
@pytest.mark.parametrize("step", [1, 100, 100_000])
def test_a_coded_body_is_read(lab: Lab, origin: Origin, coding: str, step: int) -> None:
    body = coded(coding.rpartition(",")[2], PICTURE)

    def piecewise(conversation: Conversation) -> None:
        conversation.send(fields(f"Content-Encoding: {coding.rpartition(' ')[2]}", f"Content-Length: {len(body)}"))
        for at in range(0, len(body), step):
            conversation.send(body[at : at + step])

    origin.route("/a", piecewise)
    assert fetched(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == PICTURE


def test_codings_on_one_another_are_undone_from_the_last_to_the_first(lab: Lab, origin: Origin) -> None:
    body = coded("framed aws-chunked", coded("br", coded("gzip", PICTURE)))
    origin.route("/a", fields("Content-Encoding: gzip, br", "Content-Encoding: aws-chunked") + body)
    assert fetched(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == PICTURE
    origin.route("/a", fields("Content-Encoding: gzip, gzip, gzip, gzip") + body)
    assert refusal(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "source_encoding"


def test_gzip_of_several_members_and_padding_after_it_are_read(lab: Lab, origin: Origin) -> None:
    body = coded("gzip", PICTURE[:1000]) + coded("gzip", PICTURE[1000:]) + bytes(512)
    origin.route("/a", fields("Content-Encoding: gzip", f"Content-Length: {len(body)}") + body)
    assert fetched(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == PICTURE


def test_a_bomb_is_cut_at_the_limit_of_what_it_unpacks_to(lab: Lab, origin: Origin) -> None:
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "gzip, br"):
        body = bytes(50_000_000)
        for one in coding.split(", "):
            body = coded(one, body)
        origin.route("/a", fields(f"Content-Encoding: {coding}", f"Content-Length: {len(body)}") + body)
        tracemalloc.start()
        assert refusal(lab.fetcher(origin.port, fetch_max_bytes=1_000_000), f"http://srv.good.net:{origin.port}/a") == (
            "source_too_large"
        )
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
        tracemalloc.stop()


def test_a_flood_of_empty_members_is_refused(lab: Lab, origin: Origin) -> None:
    body = coded("gzip", b"") * 1000
    origin.route("/a", fields("Content-Encoding: gzip", f"Content-Length: {len(body)}") + body)
    assert refusal(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "source_encoding"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_coded_body_cut_short_is_refused(lab: Lab, origin: Origin, coding: str) -> None:
    body = coded(coding, PICTURE)[:-9]
    origin.route("/a", fields(f"Content-Encoding: {coding}", f"Content-Length: {len(body)}") + body)
    assert refusal(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "source_encoding"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "identity, gzip", "gzip, gzip", "zstd", "x"])
def test_a_body_that_is_not_coded_as_it_says_or_in_an_unknown_way_is_refused(
    lab: Lab, origin: Origin, coding: str
) -> None:
    origin.route("/a", fields(f"Content-Encoding: {coding}", "Content-Length: 2048") + PICTURE)
    assert refusal(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "source_encoding"


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial", "304 Not Modified", "404 Not Found", "500 Oh"])
def test_only_200_is_a_source(lab: Lab, origin: Origin, status: str) -> None:
    origin.route("/a", fields("Content-Length: 0", status=status))
    assert refusal(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "source_status"


def test_a_closed_port_is_unreachable(lab: Lab, origin: Origin) -> None:
    port = origin.port
    origin.close()
    assert refusal(lab.fetcher(port), f"http://srv.good.net:{port}/ok") == "source_unreachable"
