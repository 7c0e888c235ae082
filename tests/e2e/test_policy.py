"""A server that asks a policy hook before it shows a result."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from tests.support.accounts import key_for
from tests.support.pictures import encoded, gradient
from tests.support.receiver import Receiver, receiving
from tests.support.server import API, Server, running_server

PICTURE = encoded(gradient(64, 64))
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def judged(hook: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    policy = {"policy_url": hook.url(), "policy_secret": SECRET}
    with running_server(tmp_path_factory.mktemp("judged") / "data", **policy) as server:
        yield server


def files(server: Server) -> list[Path]:
    return [path for path in (server.data_dir / "files").rglob("*") if path.is_file()]


def test_what_the_hook_allows_is_shown_and_the_hook_could_see_it(judged: Server, hook: Receiver) -> None:
    hook.reply = b'{"allow": true}'
    with judged.client() as client:
        done = client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}).json()["data"]
        shown = client.get(done["image"]).content
    message = hook.messages[-1]
    asked = Webhook(SECRET).verify(message.body, message.headers)
    assert (done["state"], asked["task_id"]) == (1, done["task_id"])
    assert base64.b64decode(asked["image"]) == shown


@pytest.mark.parametrize("state", [-10, -16])
def test_what_the_hook_refuses_is_not_shown_not_charged_and_not_kept(
    judged: Server, hook: Receiver, state: int
) -> None:
    hook.reply = json.dumps({"allow": False, "state": state, "message": "our rules say no"}).encode()
    before = files(judged)
    with judged.client(key_for(judged, credits=1)) as client:
        refused = client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}).json()
        assert client.get("/v1/account").json()["data"]["credits"] == 1
    assert (refused["data"]["state"], refused["message"]) == (state, "our rules say no")
    assert "image" not in refused["data"]
    assert files(judged) == before
