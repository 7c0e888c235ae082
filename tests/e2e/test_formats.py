"""What an installation writes beside the three formats: nothing, unless its settings say so."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.support.accounts import key_for
from tests.support.pictures import encoded, gradient
from tests.support.server import API, LEANPIX, Server, clean_environment, running_server

from leanpix.client import Client

PICTURE = encoded(gradient(64, 48))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("extended") / "data", extra_formats="avif,jxl") as server:
        yield server


def written(server: Server) -> dict[str, bool]:
    """Each format that a request may name, and whether it is never chosen by itself."""
    with server.client() as client:
        answer = client.get("/v1/formats")
    assert (answer.status_code, answer.json()["status"]) == (200, 200)
    return {one["format"]: one["on_request_only"] for one in answer.json()["data"]["written"]}


def test_avif_is_refused_where_it_is_not_allowed(server: Server) -> None:
    with server.client(key_for(server, credits=5)) as client:
        answer = client.post(API, data={"sync": "1", "format": "avif"}, files={"image_file": PICTURE})
        batch = client.post("/v1/batches", json={"image_urls": ["http://a.example/1.jpg"], "format": "avif"})
    for refused in (answer, batch):
        assert refused.status_code == 400
        assert "jpg, png or webp" in refused.json()["message"]
    assert written(server) == {"jpg": False, "png": False, "webp": False}


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


def test_what_an_extra_writes_is_not_promised_without_it(tmp_path: Path) -> None:
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text("import sys\nsys.modules['imagecodecs'] = None\n")
    environment = clean_environment() | {"PYTHONPATH": str(tmp_path), "LEANPIX_EXTRA_FORMATS": "jxl"}
    command = [str(LEANPIX), "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.returncode == 2
    assert "leanpix[jxl]" in done.stderr
