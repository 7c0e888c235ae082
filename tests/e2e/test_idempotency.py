"""A create that is sent again under its Idempotency-Key: the same task, charged once, whichever node is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.support.accounts import key_for
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server

JPG = encoded(gradient(64, 64))


def create(client: httpx.Client, once: str, picture: bytes = JPG, **fields: str) -> httpx.Response:
    return client.post(API, data=fields, files={"image_file": picture}, headers={"Idempotency-Key": once})


def credits_left(client: httpx.Client) -> int:
    left: int = client.get("/v1/account").json()["data"]["credits"]
    return left


def test_20_at_once_are_one_task_and_one_charge(server: Server) -> None:
    with server.client(key_for(server, credits=10, qps=1000)) as client, ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda number: create(client, "once", sync=str(number % 2)), range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["data"]["task_id"] for answer in answers}) == 1
        assert {answer.json()["data"]["state"] for answer in answers[1::2]} == {1}
        again = create(client, "once", sync="1").json()["data"]
        assert again["image"].partition("?")[0] == answers[1].json()["data"]["image"].partition("?")[0]
        assert credits_left(client) == 9


def test_another_request_under_the_key_is_a_400_that_says_so(server: Server) -> None:
    with server.client(key_for(server, credits=10, qps=1000)) as client:
        create(client, "once", sync="1")
        for refused in (create(client, "once", quality="50"), create(client, "once", JPG + b"x")):
            assert refused.status_code == 400
            assert refused.json()["message"].startswith("Idempotency-Key: this key came with another request before")
        assert credits_left(client) == 9


def test_the_last_credit_spent_does_not_lose_the_answer_to_its_own_repeat(server: Server) -> None:
    with server.client(key_for(server, credits=1, qps=1000)) as client:
        first, again = (create(client, "once", sync="1") for _ in range(2))
        assert first.json()["data"]["task_id"] == again.json()["data"]["task_id"]
        assert create(client, "another").status_code == 401


@pytest.mark.parametrize("once", ["x" * 256, "a\tb", "\xe9"])
def test_a_key_that_is_too_long_or_not_printable_is_a_400(server: Server, once: str) -> None:
    with server.client() as client:
        headers = {b"Idempotency-Key": once.encode("latin-1")}
        answer = client.post(API, files={"image_file": JPG}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Idempotency-Key=")


def test_an_empty_key_is_none(server: Server) -> None:
    with server.client(key_for(server, qps=1000)) as client:
        assert len({create(client, "").json()["data"]["task_id"] for _ in range(2)}) == 2
