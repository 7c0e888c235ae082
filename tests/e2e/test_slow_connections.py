"""Connections that do next to nothing, or far too much, and what they can do to others."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import httpx
import pytest
from tests.support.pictures import encoded, gradient
from tests.support.raw import connected, first_line, healthy, is_closed, is_closed_while_sending, is_cut_off, post_head
from tests.support.server import API, Server, running_server

MB = 1024 * 1024
SOON_S = 8.0
FORM = "Content-Type: multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="image_file"; filename="a"\r\n\r\n'


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of little patience."""
    settings = {"header_timeout_s": "1.5", "body_grace_s": "1.5", "answer_stall_s": "1.5", "body_timeout_s": "6"}
    with running_server(tmp_path_factory.mktemp("strict") / "data", **settings) as server:
        yield server


@pytest.mark.parametrize("start", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX-", b"\r\n"])
def test_a_head_that_stops_is_hung_up_on(strict: Server, start: bytes) -> None:
    with connected(strict) as connection:
        connection.sendall(start)
        assert is_closed(connection, SOON_S)


def test_a_head_that_trickles_is_hung_up_on(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        assert is_closed_while_sending(connection, b"X-A: b\r\n", 0.3, SOON_S)


def test_a_later_head_on_the_same_connection_has_the_same_deadline(strict: Server) -> None:
    with connected(strict) as connection:
        assert healthy(connection)
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert is_closed_while_sending(connection, b"X-A: b\r\n", 0.3, SOON_S)


def test_an_idle_connection_is_kept_for_the_next_request(strict: Server) -> None:
    with connected(strict) as connection:
        for _ in range(2):
            assert healthy(connection)
            time.sleep(3)


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_a_body_that_trickles_is_hung_up_on(strict: Server, framing: str) -> None:
    with connected(strict) as connection:
        connection.sendall(post_head(strict, FORM, framing))
        piece = b"1\r\nx\r\n" if "chunked" in framing else b"x"
        assert is_closed_while_sending(connection, piece, 0.2, SOON_S)


def test_a_body_that_is_fast_enough_may_take_longer_than_the_grace(strict: Server) -> None:
    picture = encoded(gradient(300, 300))
    body = PART + picture + b'\r\n--b\r\nContent-Disposition: form-data; name="pad"\r\n\r\n'
    padding, end = 10_000, b"\r\n--b--\r\n"
    with connected(strict) as connection:
        connection.sendall(post_head(strict, FORM, f"Content-Length: {len(body) + 3 * padding + len(end)}"))
        connection.sendall(body)
        for _ in range(3):
            time.sleep(0.9)
            connection.sendall(b"x" * padding)
        connection.sendall(end)
        connection.settimeout(30)
        assert first_line(connection) == "HTTP/1.1 200 OK"


def test_a_body_that_never_ends_is_hung_up_on_however_fast_it_is(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(post_head(strict, FORM, "Content-Length: 20000000"))
        connection.sendall(PART)
        assert is_closed_while_sending(connection, b"x" * 3000, 0.1, 6 + SOON_S)


def test_a_body_that_goes_on_after_its_answer_is_hung_up_on(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(post_head(strict, FORM, "Content-Length: 20000000", key="wrong"))
        assert b"401" in connection.recv(65536)
        assert is_closed_while_sending(connection, b"x" * 5000, 0.1, SOON_S)


def test_an_answer_that_nobody_reads_does_not_hold_its_connection(strict: Server) -> None:
    with connected(strict) as connection:
        # whole requests only, so that no head is left to be late
        connection.sendall(b"GET /states.json HTTP/1.1\r\nHost: a\r\n\r\n" * 1500)
        time.sleep(SOON_S)
        assert is_cut_off(connection)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([f"X-{number}: a" for number in range(90)], "401 Unauthorized"),
        ([f"X-{number}: a" for number in range(101)], "400 Bad Request"),
        (["X-Long: " + "a" * 30_000], "401 Unauthorized"),
        (["X-Long: " + "a" * 33_000], "400 Bad Request"),
        (["X" * 33_000 + ": a"], "400 Bad Request"),
        ([f"X-{number}: " + "a" * 3000 for number in range(20)], "400 Bad Request"),
    ],
)
def test_a_head_may_have_100_lines_and_32_kb(strict: Server, lines: list[str], status: str) -> None:
    with connected(strict) as connection:
        connection.sendall(post_head(strict, "Content-Length: 0", *lines, key="wrong"))
        assert first_line(connection) == f"HTTP/1.1 {status}"


def test_a_request_line_is_part_of_the_head(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(b"GET /?" + b"a" * 33_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert first_line(connection) == "HTTP/1.1 400 Bad Request"


def test_endless_trailers_are_refused(strict: Server) -> None:
    with connected(strict) as connection:
        connection.sendall(post_head(strict, FORM, "Transfer-Encoding: chunked"))
        connection.sendall(b"0\r\n")
        assert is_closed_while_sending(connection, b"X-Trailer: a\r\n" * 100, 0.05, 1.0)


def chunks(piece: bytes, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield piece


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
@pytest.mark.parametrize(
    ("content_type", "start", "piece"),
    [
        ("multipart/form-data; boundary=b", PART, bytes(MB)),
        ("multipart/form-data; boundary=b", b"", b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n" * 9000),
        ("application/x-www-form-urlencoded", b"image_base64=", b"A" * MB),
        ("application/json", b'{"image_base64":"', b"A" * MB),
        ("application/octet-stream", b"", bytes(MB)),
    ],
    ids=["file", "parts", "form", "json", "bytes"],
)
def test_no_more_than_the_limit_is_kept_of_a_body(
    strict: Server, *, chunked: bool, content_type: str, start: bytes, piece: bytes
) -> None:
    pieces = 40
    headers = {"Content-Type": content_type}
    if not chunked:
        headers["Content-Length"] = str(len(start) + pieces * len(piece))

    def body() -> Iterator[bytes]:
        yield start
        yield from chunks(piece, pieces)

    with strict.client() as client:
        answer = client.post(API, content=body(), headers=headers)
    assert answer.status_code in {400, 413}
    assert answer.json()["status"] == answer.status_code


def test_500_idle_and_slow_connections_keep_nobody_waiting(server: Server) -> None:
    picture = encoded(gradient())
    # A key of its own: what the slow ones have begun to send counts for theirs.
    key = server.new_key(qps=1000)
    with contextlib.ExitStack() as held, server.client(key, timeout_s=15) as client:
        for number in range(500):
            connection = held.enter_context(connected(server))
            starts = (b"", b"POST / HT", post_head(server, FORM, "Content-Length: 9999999") + PART)
            connection.sendall(starts[number % 3])
        assert client.get("/healthz").status_code == httpx.codes.OK
        answer = client.post(API, data={"sync": "1"}, files={"image_file": picture})
        assert answer.status_code == httpx.codes.OK, answer.text
        assert answer.json()["data"]["state"] == 1


def test_json_of_a_million_values_is_refused_at_once(strict: Server) -> None:
    content = b"{" + b'"a":1,' * 1_000_000 + b'"b":2}'
    with strict.client() as client:
        answer = client.post(API, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "too many values" in answer.json()["message"]


@pytest.mark.parametrize("content", [b'{"image_url":"http://a/\\ud800"}', b'{"quality":"\\ud800","image_url":"a"}'])
def test_half_a_surrogate_pair_is_bad_input_and_no_defect(strict: Server, content: bytes) -> None:
    with strict.client() as client:
        answer = client.post(API, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == httpx.codes.BAD_REQUEST


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_who_offers_another_protocol_is_answered_by_this_one_without_a_warning(strict: Server, protocol: str) -> None:
    with connected(strict) as connection:
        offer = f"Connection: Upgrade\r\nUpgrade: {protocol}\r\nSec-WebSocket-Version: 13"
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: a\r\n{offer}\r\n\r\n".encode())
        assert first_line(connection) == "HTTP/1.1 200 OK"
    assert "level=warning" not in strict.output.read_text()
