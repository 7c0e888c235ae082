"""What an installation writes beside the three formats: what its settings say, and only where it is named."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest
from PIL import Image
from tests.support.accounts import key_for
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, running_server

from leanpix.client import Client

PICTURE = encoded(gradient(64, 48))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("extended") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("plain") / "data", extra_formats="none") as server:
        yield server


def written(server: Server) -> dict[str, bool]:
    """Each format that a request may name, and whether it is never chosen by itself."""
    with server.client() as client:
        answer = client.get("/v1/formats")
    assert (answer.status_code, answer.json()["status"]) == (200, 200)
    return {one["format"]: one["on_request_only"] for one in answer.json()["data"]["written"]}


def test_avif_is_refused_where_it_is_not_allowed(plain: Server) -> None:
    with plain.client(key_for(plain, credits=5)) as client:
        answer = client.post(API, data={"sync": "1", "format": "avif"}, files={"image_file": PICTURE})
        batch = client.post("/v1/batches", json={"image_urls": ["http://a.example/1.jpg"], "format": "avif"})
    for refused in (answer, batch):
        assert refused.status_code == 400
        assert "jpg, png or webp" in refused.json()["message"]
    assert written(plain) == {"jpg": False, "png": False, "webp": False}


def test_avif_is_made_linked_and_served_where_it_is_allowed(extended: Server) -> None:
    assert written(extended) == {"jpg": False, "png": False, "webp": False, "avif": True, "jxl": True}
    with extended.client(key_for(extended, credits=5)) as client:
        fields = {"sync": "1", "format": "AVIF", "kbyte": "2"}
        task = client.post(API, data=fields, files={"image_file": PICTURE}).json()["data"]
        assert (task["state"], task["report"]["format"]) == (1, "avif")
        assert task["image"].partition("?")[0].endswith(".avif")
        result = client.get(task["image"])
        refused = client.post(API, data={"format": "heic"}, files={"image_file": PICTURE})
    assert result.headers["content-type"] == "image/avif"
    assert len(result.content) <= 2048
    assert Image.open(io.BytesIO(result.content), formats=("AVIF",)).size == (64, 48)
    assert "jpg, png, webp, avif or jxl" in refused.json()["message"]


def test_it_is_not_chosen_for_a_request_that_names_no_format(extended: Server) -> None:
    bitmap = encoded(gradient(64, 48), "BMP")
    with extended.client(key_for(extended, "other", credits=5)) as client:
        task = client.post(API, data={"sync": "1"}, files={"image_file": bitmap}).json()["data"]
    assert task["report"]["format"] in {"jpg", "png", "webp"}


def test_the_client_takes_it(extended: Server) -> None:
    with Client(extended.base, key_for(extended, "third", credits=5)) as client:
        done = client.compress(PICTURE, format="avif", quality=60)
        other = client.compress(PICTURE, format="jxl", quality=60)
    assert done.format == "avif"
    assert done.data[4:12] == b"ftypavif"
    assert other.format == "jxl"


def test_jpeg_xl_is_linked_and_served(extended: Server) -> None:
    with extended.client(key_for(extended, "fourth", credits=5)) as client:
        fields = {"sync": "1", "format": "jxl", "kbyte": "2"}
        task = client.post(API, data=fields, files={"image_file": PICTURE}).json()["data"]
        result = client.get(task["image"])
    assert task["image"].partition("?")[0].endswith(".jxl")
    assert (result.status_code, result.headers["content-type"]) == (200, "image/jxl")
    assert len(result.content) <= 2048


def test_avif_and_jpeg_xl_are_sources_too(extended: Server) -> None:
    with extended.client(key_for(extended, "fifth", credits=5)) as client:
        for kind in ("avif", "jxl"):
            fields = {"sync": "1", "format": kind, "quality": "80"}
            task = client.post(API, data=fields, files={"image_file": PICTURE}).json()["data"]
            made = client.get(task["image"]).content
            again = client.post(API, data={"sync": "1", "width": "32"}, files={"image_file": made}).json()["data"]
            assert (again["state"], again["report"]["source_format"], again["image_width"]) == (1, kind, 32)
            assert again["report"]["format"] in {"jpg", "png", "webp"}


def test_the_smallest_of_those_that_are_listed_costs_what_one_does(extended: Server) -> None:
    with extended.client(key_for(extended, "sixth", credits=9)) as client:
        fields = {"sync": "1", "formats": "jpg,webp,avif", "quality": "60"}
        task = client.post(API, data=fields, files={"image_file": PICTURE}).json()["data"]
        ways = task["report"]["considered"]
        assert {way["name"].split()[0] for way in ways} == {"jpg", "webp", "avif"}
        assert task["report"]["result_bytes"] == min(way["result_bytes"] for way in ways if "result_bytes" in way)
        both = client.post(API, data={"format": "jpg", "formats": "webp"}, files={"image_file": PICTURE})
        time.sleep(1)  # the key has a rate
        unknown = client.post(API, json={"image_url": "http://a.example/1.jpg", "formats": ["webp", "heic"]})
    assert task["credits"] == 1
    assert (both.status_code, unknown.status_code) == (400, 400)
    assert "not both" in both.json()["message"]
    assert "heic" in unknown.json()["message"]


def test_by_itself_the_accept_says_what_may_be_made(extended: Server) -> None:
    with extended.client(key_for(extended, "seventh", credits=5)) as client:
        fields = {"sync": "1", "format": "auto", "quality": "50"}
        seen = {}
        for accept in ("image/avif", "image/jpeg, image/png", "*/*"):
            answer = client.post(API, data=fields, files={"image_file": PICTURE}, headers={"Accept": accept})
            seen[accept] = answer.json()["data"]["report"]["format"]
    assert seen["image/avif"] == "avif"
    assert seen["image/jpeg, image/png"] == "jpg"
    assert seen["*/*"] in {"jpg", "webp"}


def test_the_client_asks_for_the_smallest(extended: Server) -> None:
    with Client(extended.base, key_for(extended, "eighth", credits=5)) as client:
        assert client.compress(PICTURE, formats=["jpg", "avif"], quality=60).format in {"jpg", "avif"}
        assert client.compress(PICTURE, format="auto", quality=60).format in {"jpg", "webp"}
