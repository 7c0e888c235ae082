"""A set from one source through the API: one task, one ZIP, each picture by its own link, one credit a result."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.support.accounts import key_for
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, running_server

from leanpix.client import Client

PHOTO = encoded(gradient(240, 120))


def create(server: Server, key: str | None = None, picture: bytes = PHOTO, **fields: str) -> httpx.Response:
    headers = {"X-API-KEY": key or server.key}
    files = {"image_file": ("photo.jpg", picture)}
    asked = {"sync": "1", "quality": "60"} | fields
    return httpx.post(server.base + API, headers=headers, data=asked, files=files, timeout=60)


def made(server: Server, key: str | None = None, picture: bytes = PHOTO, **fields: str) -> dict[str, Any]:
    answer = create(server, key, picture, **fields)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    assert data["state"] == 1, answer.text
    return data


def left(server: Server, key: str) -> int:
    data = httpx.get(server.base + "/v1/account", headers={"X-API-KEY": key}).json()["data"]
    found: int = data["credits"]
    return found


def test_each_picture_has_its_link_and_the_zip_holds_all_of_them(server: Server) -> None:
    data = made(server, widths="60,120", formats="avif,webp,jpg")
    told = [(one["width"], one["height"], one["format"]) for one in data["images"]]
    assert told == [(w, h, form) for w, h in ((60, 30), (120, 60)) for form in ("avif", "webp", "jpg")]
    assert (data["type"], data["credits"], len(data["report"]["placeholder"]["colour"])) == ("zip", 6, 6)

    whole = httpx.get(data["image"])
    assert whole.headers["content-type"] == "application/zip"
    assert data["image"].partition("?")[0].endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        contents = [archive.read(one["name"]) for one in manifest["images"]]
    for image, content in zip(data["images"], contents, strict=True):
        answer = httpx.get(image["url"])
        assert answer.content == content
        assert len(content) == image["bytes"]
        assert answer.headers["content-type"] == f"image/{image['format']}".replace("jpg", "jpeg")
        with Image.open(io.BytesIO(content)) as opened:
            assert opened.size == (image["width"], image["height"])
        assert "/" not in image["url"].partition("?")[0][-15:]


def test_a_pictures_link_is_a_results_link(server: Server) -> None:
    image = made(server, widths="100")["images"][0]
    whole = httpx.get(image["url"])
    head = httpx.head(image["url"])
    assert head.headers["content-length"] == str(image["bytes"])
    part = httpx.get(image["url"], headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, whole.content[5:10])
    assert httpx.get(image["url"], headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert httpx.get(image["url"].replace("-100.", "-101.")).status_code == 404
    place = image["url"].index(f"-{image['bytes']}-")
    assert httpx.get(image["url"][:place] + "-999999" + image["url"][place + 2 :]).status_code == 404


def test_it_is_polled_as_any_task_and_json_has_it_as_a_list(server: Server) -> None:
    body = {"image_base64": base64.b64encode(PHOTO).decode(), "widths": [60, 120], "quality": 60, "return_type": 2}
    answer = httpx.post(server.base + API, headers={"X-API-KEY": server.key}, json={**body, "sync": 1}, timeout=60)
    data = answer.json()["data"]
    again = httpx.get(f"{server.base}{API}/{data['task_id']}", headers={"X-API-KEY": server.key}).json()["data"]
    assert [one["width"] for one in again["images"]] == [60, 120]
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(data["image"]))) as archive:
        assert archive.namelist() == ["60.jpg", "120.jpg", "manifest.json"]
    assert httpx.get(again["images"][1]["url"]).status_code == 200


def test_what_is_made_is_charged_and_all_is_held_at_once(server: Server) -> None:
    key = key_for(server, credits=4, qps=1000)
    refused = create(server, key, widths="60,120,180", formats="webp,jpg")
    assert (refused.status_code, left(server, key)) == (401, 4)
    assert "6" in refused.json()["message"]
    # Widths above the source's are its own: two of three are made.
    assert made(server, key, widths="60,500,900")["credits"] == 2
    assert left(server, key) == 2
    assert create(server, key, b"no picture", widths="60,120").json()["data"]["state"] == -7
    assert left(server, key) == 2


def test_the_same_again_is_answered_by_the_earlier_set(tmp_path: Path) -> None:
    fields = {"widths": "50,70", "formats": "webp,jpg"}
    with running_server(tmp_path / "data", result_cache="key") as server:
        first, again = made(server, None, PHOTO, **fields), made(server, None, PHOTO, **fields)
        assert again["report"]["cached"] is True
        assert [one["bytes"] for one in again["images"]] == [one["bytes"] for one in first["images"]]
        assert httpx.get(again["images"][-1]["url"]).content == httpx.get(first["images"][-1]["url"]).content


def test_an_installation_may_allow_fewer_pictures(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", set_max_pictures="3") as server:
        assert "at most 3 in a set" in create(server, widths="50,70", formats="webp,jpg").json()["message"]
        assert len(made(server, widths="50,60,70")["images"]) == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"widths": "0"}, "widths='0' is not allowed"),
        ({"widths": "400,8001"}, "widths"),
        ({"widths": "400,x"}, "integers from 1 to 8000"),
        ({"widths": ",".join(map(str, range(1, 31)))}, "up to 16 different integers"),
        ({"widths": ",".join(map(str, range(1, 12))), "formats": "avif,webp,jpg"}, "33 pictures"),
        ({"widths": "60", "width": "50"}, "widths, or width and height"),
        ({"widths": "60", "format": "heic"}, "format"),
        ({"widths": "60", "kbyte": "5"}, "not both"),
    ],
)
def test_bad_widths_are_named_with_what_is_allowed(server: Server, fields: dict[str, str], said: str) -> None:
    answer = create(server, None, PHOTO, **fields)
    assert answer.status_code == 400
    assert said in answer.json()["message"]


def test_the_client_gives_every_picture(server: Server) -> None:
    with Client(server.base, server.key) as client:
        result = client.compress(PHOTO, widths=[60, 120], formats=["webp", "jpg"], quality=60)
    assert (result.format, len(result.images())) == ("zip", 4)
    for image in result.images():
        with Image.open(io.BytesIO(image.data)) as opened:
            assert opened.size == (image.width, image.height)
