"""Uploads and commands on them, whichever node is asked: on one machine, and on two API nodes with one S3 store."""

from __future__ import annotations

import httpx
from tests.support.server import Server
from tests.support.tinify import shrunk


def test_each_result_is_made_of_the_upload_and_charged_like_a_task(tinify: httpx.Client) -> None:
    location = shrunk(tinify)
    answers = [tinify.post(location, json={"convert": {"type": kind}}) for kind in ("image/png", "image/webp")]
    assert [answer.headers["content-type"] for answer in answers] == ["image/png", "image/webp"]
    assert (answers[1].headers["compression-count"], answers[1].headers["compression-count-remaining"]) == ("3", "17")
    plain = tinify.post(location, content=b"{}")
    assert plain.headers["compression-count"] == "3"


SHELF = {"service": "s3", "path": "pictures/shop/a.jpg", "region": "us-east-1"}
KEYS = {"aws_access_key_id": "leanpix", "aws_secret_access_key": "leanpix-secret"}


def test_storing_is_for_listed_endpoints_and_with_the_keys_of_who_asks(server: Server, tinify: httpx.Client) -> None:
    location = shrunk(tinify)
    if "AWS_ENDPOINT_URL" not in server.environment:
        refused = tinify.post(location, json={"store": SHELF | KEYS})
        assert (refused.status_code, refused.json()["error"]) == (400, "BadRequest")
        assert "stores no results elsewhere" in refused.json()["message"]
        return
    # The service's own keys, which its environment holds, would be good ones here.
    for wrong in ({"aws_secret_access_key": "wrong"}, {"aws_access_key_id": "nobody"}):
        refused = tinify.post(location, json={"store": SHELF | KEYS | wrong})
        assert (refused.status_code, refused.json()["error"]) == (400, "BadRequest")
        assert "did not take the result" in refused.json()["message"]
    elsewhere = tinify.post(location, json={"store": SHELF | KEYS | {"endpoint": "http://169.254.169.254"}})
    assert elsewhere.json()["message"].startswith("store.endpoint=")
    bare = httpx.post(server.base + location, json={"store": SHELF | KEYS}, trust_env=False)
    assert bare.status_code == 401
    assert tinify.post(location, json={"store": SHELF | KEYS}).headers["location"].endswith("/pictures/shop/a.jpg")
