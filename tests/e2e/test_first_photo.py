"""The main job: one picture over HTTP, through every layer."""

from __future__ import annotations

import base64
import io

import httpx
from PIL import Image
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server


def test_an_upload_comes_back_smaller_by_url_and_as_base64(server: Server) -> None:
    source = encoded(gradient())
    with server.client() as client:
        answers = [
            client.post(API, data={"sync": "1", "quality": "75", "return_type": kind}, files={"image_file": source})
            for kind in ("1", "2")
        ]
    by_url, by_text = (answer.json()["data"] for answer in answers)
    assert by_url["state"] == by_text["state"] == 1
    from_url = httpx.get(by_url["image"], trust_env=False)
    assert from_url.headers["content-type"] == "image/jpeg"
    assert from_url.content == base64.b64decode(by_text["image"])
    assert len(from_url.content) < len(source)
    assert Image.open(io.BytesIO(from_url.content)).size == (256, 256)
