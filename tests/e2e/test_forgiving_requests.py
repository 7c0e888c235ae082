"""Requests as real programs send them: in bursts, compressed, and over connections that are half closed."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.support.pictures import encoded, gradient
from tests.support.raw import connected, post_head
from tests.support.server import API, Server

PICTURE = encoded(gradient(64, 48))


def form(picture: bytes) -> tuple[bytes, str]:
    """A multipart body, and its label."""
    request = httpx.Request("POST", "http://test", data={"sync": "1"}, files={"image_file": picture})
    return request.read(), request.headers["content-type"]


def sent(server: Server, body: bytes, content_type: str, encoding: str) -> httpx.Response:
    with server.client() as client:
        headers = {"Content-Type": content_type, "Content-Encoding": encoding}
        return client.post(API, content=body, headers=headers)


def test_a_small_burst_above_the_rate_waits_and_a_large_one_is_told_when_to_come_back(server: Server) -> None:
    with server.client(server.new_key(qps=4)) as client:
        for _ in range(7):  # a second's worth at once, then one each quarter of a second
            assert client.post(API, files={"image_file": PICTURE}).status_code == 200
    with server.client(server.new_key(qps=1)) as client, ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: client.post(API, files={"image_file": PICTURE}), range(12)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "identity"])
def test_a_compressed_body_is_read(server: Server, encoding: str) -> None:
    body, content_type = form(PICTURE)
    sent_body = body if encoding == "identity" else gzip.compress(body)
    assert sent(server, sent_body, content_type, encoding).json()["data"]["state"] == 1


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip"])
def test_another_coding_is_refused_by_its_name(server: Server, encoding: str) -> None:
    body, content_type = form(PICTURE)
    refused = sent(server, body, content_type, encoding)
    assert refused.status_code == 400
    assert "Content-Encoding" in refused.json()["message"]
    assert encoding in refused.json()["message"]


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(PICTURE)[:-10]], ids=["not gzip", "cut short"])
def test_a_body_that_is_not_the_gzip_it_says_it_is_is_refused(server: Server, body: bytes) -> None:
    refused = sent(server, body, form(PICTURE)[1], "gzip")
    assert refused.status_code == 400
    assert "Content-Encoding" in refused.json()["message"] or "multipart" in refused.json()["message"]


def test_a_compressed_body_is_bound_by_what_it_holds(server: Server) -> None:
    body, content_type = form(bytes(60 * 1024 * 1024))
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    refused = sent(server, packer.compress(body) + packer.flush(), content_type, "gzip")
    assert refused.status_code == 413


def test_a_client_that_will_send_no_more_still_gets_its_answer(server: Server) -> None:
    body, content_type = form(PICTURE)
    with connected(server) as connection:
        head = post_head(server, f"Content-Type: {content_type}", f"Content-Length: {len(body)}")
        connection.sendall(head + body)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(30)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["data"]["state"] == 1


def test_a_client_that_ends_within_its_request_is_left(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(post_head(server, "Content-Length: 100") + b"half")
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        assert not connection.recv(65536).startswith(b"HTTP/1.1 200")
