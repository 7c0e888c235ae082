"""The same picture sent again is answered by the earlier result, on a server as it is set up by default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.support.accounts import key_for
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, running_server

PICTURE = encoded(gradient(64, 64))


@pytest.fixture(scope="module")
def caching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("caching") / "data", result_cache="key", retention_s="20") as server:
        yield server


def done(client: httpx.Client, **fields: str) -> dict[str, Any]:
    answer = client.post(API, data={"sync": "1", **fields}, files={"image_file": PICTURE})
    found: dict[str, Any] = answer.json()["data"]
    assert found["state"] == 1
    return found


def test_a_repeated_picture_is_cached_charged_and_a_result_of_its_own(caching: Server) -> None:
    with caching.client(key_for(caching, credits=10, qps=100)) as client:
        first, again, other = done(client, quality="50"), done(client, quality="50"), done(client, quality="51")
        by_url = client.post(API, data={"sync": "1", "quality": "50", "image_url": first["image"]}).json()["data"]
        assert client.get("/v1/account").json()["data"]["credits"] == 6
        contents = [client.get(answer["image"]).content for answer in (first, again)]
    assert [answer["report"]["cached"] for answer in (first, again, other, by_url)] == [False, True, False, False]
    assert contents[0] == contents[1]
    assert first["image"] != again["image"]
    assert {**first["report"], "cached": True} == again["report"]
    with caching.client(key_for(caching, "other")) as client:
        assert done(client, quality="50")["report"]["cached"] is False
