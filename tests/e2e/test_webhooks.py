"""Webhooks over a real server and a real receiver: signed, told again until they arrive, never lost to a kill."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from tests.support.accounts import key_for
from tests.support.cluster import until
from tests.support.pictures import encoded, gradient
from tests.support.receiver import Message, Receiver, receiving
from tests.support.server import API, Server, running_server

PICTURE = encoded(gradient(64, 64))


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def hooked(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may post to the receiver."""
    with running_server(tmp_path_factory.mktemp("hooked") / "data", **reaching(receiver)) as server:
        yield server


def reaching(receiver: Receiver) -> dict[str, str]:
    return {"fetch_allow_nets": "127.0.0.0/8", "fetch_ports": str(receiver.port), "fetch_timeout_s": "1"}


def created(client: httpx.Client, url: str, content: bytes = PICTURE, **fields: str) -> str:
    answer = client.post(API, data={"callback_url": url, **fields}, files={"image_file": content})
    assert answer.status_code == 200, answer.text
    task_id: str = answer.json()["data"]["task_id"]
    return task_id


def arrived(receiver: Receiver, task_id: str, many: int = 1) -> list[Message]:
    until(lambda: len(receiver.of(task_id)) >= many)
    return receiver.of(task_id)


def delivery(client: httpx.Client, task_id: str) -> dict[str, Any]:
    listed = client.get("/v1/webhooks/deliveries").json()["data"]["deliveries"]
    none: dict[str, Any] = {"state": "none", "tries": []}
    return next((one for one in listed if one["task_id"] == task_id), none)


@pytest.mark.parametrize(("content", "return_type"), [(PICTURE, "1"), (PICTURE, "2"), (b"no picture", "1")])
def test_the_receiver_is_told_what_a_query_says_and_can_verify_it(
    hooked: Server, receiver: Receiver, content: bytes, return_type: str
) -> None:
    with hooked.client(key_for(hooked, qps=100)) as client:
        secret = client.post("/v1/webhooks/secret").json()["data"]["secret"]
        task_id = created(client, receiver.url("/hook?shop=1"), content, return_type=return_type)
        message = arrived(receiver, task_id)[0]
        asked = client.get(f"{API}/{task_id}").json()
        until(lambda: delivery(client, task_id)["state"] == "delivered")
    assert message.path == "/hook?shop=1"
    assert message.headers["content-type"] == "application/json"
    assert Webhook(secret).verify(message.body, message.headers) == asked
    assert asked["data"]["state"] == (1 if content is PICTURE else -7)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(message.body + b" ", message.headers)


def test_both_secrets_verify_after_a_rotation_and_anothers_never_does(hooked: Server, receiver: Receiver) -> None:
    key = key_for(hooked, "rotating", qps=100)
    with hooked.client(key) as client, hooked.client() as other:
        strange = other.post("/v1/webhooks/secret").json()["data"]["secret"]
        first = client.post("/v1/webhooks/secret").json()["data"]["secret"]
        second = hooked.cli("keys", "webhook-secret", key.split("_")[1]).strip()
        message = arrived(receiver, created(client, receiver.url()))[0]
    assert len({first, second, strange}) == 3
    for secret in (first, second):
        Webhook(secret).verify(message.body, message.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(strange).verify(message.body, message.headers)


@pytest.mark.parametrize("status", [500, 302])
def test_what_is_no_success_is_told_again_under_the_same_id(hooked: Server, receiver: Receiver, status: int) -> None:
    receiver.statuses[:] = [status, status]
    with hooked.client(key_for(hooked)) as client:
        task_id = created(client, receiver.url())
        messages = arrived(receiver, task_id, 3)
        until(lambda: delivery(client, task_id)["state"] == "delivered")
        tries = [one["status"] for one in delivery(client, task_id)["tries"]]
    assert tries == [status, status, 204]
    assert len({message.body for message in messages}) == 1
    assert {message.path for message in messages} == {"/hook"}, "a redirect was followed"


@contextmanager
def dribbling(start: bytes) -> Iterator[int]:
    """A receiver that takes any message, begins its answer with this, and goes on a byte at a time; its port."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            with suppress(OSError):
                self.wfile.write(start)
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.1)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as web:
        web.daemon_threads = True
        Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield web.server_address[1]
        web.shutdown()


@pytest.mark.parametrize(
    ("start", "state", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", "delivered", 200),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", "pending", None),
    ],
    ids=["its body", "its head"],
)
def test_a_receiver_that_dribbles_its_answer_holds_nobody_up(
    receiver: Receiver, tmp_path: Path, start: bytes, state: str, status: int | None
) -> None:
    with dribbling(start) as port:
        settings = {"fetch_allow_nets": "127.0.0.0/8", "fetch_ports": f"{port},{receiver.port}"}
        patient = {"fetch_timeout_s": "600", "fetch_rate_grace_s": "600", "fetch_first_byte_timeout_s": "2"}
        with (
            running_server(tmp_path / "data", **settings, **patient) as server,
            server.client(key_for(server, qps=100)) as client,
            server.client(key_for(server, "other")) as other,
        ):
            slow = [created(client, f"http://127.0.0.1:{port}/hook") for _ in range(6)]
            arrived(receiver, created(other, receiver.url()))
            until(lambda: all(delivery(client, task_id)["tries"] for task_id in slow))
            first = delivery(client, slow[0])
    assert (first["state"], first["tries"][0]["status"]) == (state, status)


def test_a_receiver_that_is_gone_for_good_is_left_alone(hooked: Server, receiver: Receiver) -> None:
    receiver.statuses[:] = [410]
    with hooked.client(key_for(hooked)) as client:
        task_id = created(client, receiver.url())
        arrived(receiver, task_id)
        until(lambda: delivery(client, task_id)["state"] == "failed")
        assert delivery(client, task_id)["next_try_at"] is None


def test_a_receiver_that_was_down_is_told_when_it_is_back(hooked: Server, receiver: Receiver) -> None:
    key = key_for(hooked, qps=100)
    receiver.go()
    try:
        with hooked.client(key) as client:
            task_ids = [created(client, receiver.url()) for _ in range(3)]
            until(lambda: all(delivery(client, task_id)["tries"] for task_id in task_ids))
    finally:
        receiver.come()
    for task_id in task_ids:
        arrived(receiver, task_id)
    listed = hooked.cli("keys", "deliveries", key.split("_")[1], "--json").splitlines()
    assert {json.loads(line)["tries"][0]["status"] for line in listed} == {None}


def test_a_kill_between_the_end_and_the_message_loses_nothing(tmp_path: Path, receiver: Receiver) -> None:
    data, reach = tmp_path / "data", reaching(receiver)
    with running_server(data, **reach, webhook_senders="0") as server, server.client() as client:
        task_id = created(client, receiver.url(), sync="1")
        server.kill()
    assert receiver.of(task_id) == []
    with running_server(data, key=server.key, **reach) as server:
        arrived(receiver, task_id)
        receiver.answers.clear()  # and now in the middle of one
        with server.client() as client:
            task_id = created(client, receiver.url())
        arrived(receiver, task_id)
        server.kill()
    receiver.answers.set()
    with running_server(data, key=server.key, **reach) as server, server.client() as client:
        first, second = arrived(receiver, task_id, 2)
        until(lambda: delivery(client, task_id)["state"] == "delivered")
    assert first.body == second.body


def test_a_receiver_that_does_not_answer_keeps_no_worker(hooked: Server, receiver: Receiver) -> None:
    with hooked.client(key_for(hooked, "slow", qps=1000)) as client:
        receiver.answers.clear()
        held = [created(client, receiver.url()) for _ in range(6)]
        begun = time.monotonic()
        assert created(client, receiver.url(), sync="1")
        assert time.monotonic() - begun < 60
        until(lambda: sum(bool(receiver.of(task_id)) for task_id in held) >= 4)
        receiver.answers.set()
        for task_id in held:
            arrived(receiver, task_id)


@pytest.mark.parametrize("url", ["http://10.0.0.1/hook", "https://user:pass@example.com/hook", "x" * 3000])
def test_a_callback_that_can_never_be_allowed_is_refused_at_once(hooked: Server, url: str) -> None:
    with hooked.client(key_for(hooked)) as client:
        refused = client.post(API, data={"callback_url": url}, files={"image_file": PICTURE})
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("callback_url=")


def test_a_log_is_its_own_keys_alone(hooked: Server, receiver: Receiver) -> None:
    with hooked.client(key_for(hooked, "one")) as one, hooked.client(key_for(hooked, "two")) as two:
        arrived(receiver, created(one, receiver.url()))
        assert len(one.get("/v1/webhooks/deliveries").json()["data"]["deliveries"]) == 1
        assert two.get("/v1/webhooks/deliveries").json()["data"]["deliveries"] == []
        assert one.get("/v1/webhooks/deliveries?limit=0").status_code == 400
        assert httpx.get(f"{hooked.base}/v1/webhooks/deliveries", trust_env=False).status_code == 401
