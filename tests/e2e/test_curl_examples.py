"""The API text's own examples, by curl, on real photos: host, key and picture changed, nothing else."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.support.corpus import corpus_file
from tests.support.server import API, Server, running_server
from tests.support.websites import website_of

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
PHOTO = "d_S_Landscape_2.jpg"


@pytest.fixture(scope="module")
def photos() -> Iterator[str]:
    with website_of(corpus_file(PHOTO).parent) as address:
        yield address


@pytest.fixture(scope="module")
def fetching(tmp_path_factory: pytest.TempPathFactory, photos: str) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("curl") / "data"
    with running_server(data_dir, fetch_allow_nets="127.0.0.0/8", fetch_ports=photos.rpartition(":")[2]) as started:
        yield started


def curl(server: Server, path: str, *fields: str) -> dict[str, Any]:
    words = [word for field in fields for word in ("-F", field)]
    command = ["curl", "-sS", "--noproxy", "*", "-k", f"{server.base}{path}", "-H", f"X-API-KEY: {server.key}", *words]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    return answer


def polled(server: Server, task_id: str) -> dict[str, Any]:
    """The recommended flow: query until the state is 1 or below 0."""
    for _ in range(300):
        answer = curl(server, f"{API}/{task_id}")
        state = answer["data"]["state"]
        if state == 1 or state < 0:
            return answer
        time.sleep(0.1)
    pytest.fail("the task did not end in 30 s")


def is_smaller_picture(image_url: str, source: Path) -> bool:
    content = httpx.get(image_url, trust_env=False).content
    return len(content) < source.stat().st_size and Image.open(io.BytesIO(content)).size == (600, 450)


def test_asynchronous_with_an_image_url(fetching: Server, photos: str) -> None:
    created = curl(fetching, API, "sync=0", f"image_url={photos}/{PHOTO}")
    assert set(created) == {"status", "message", "data"}
    assert set(created["data"]) == {"task_id"}
    done = polled(fetching, created["data"]["task_id"])
    assert (done["status"], done["message"], done["data"]["state"]) == (200, "success", 1)
    assert is_smaller_picture(done["data"]["image"], corpus_file(PHOTO))


def test_asynchronous_with_an_upload(fetching: Server) -> None:
    created = curl(fetching, API, "sync=0", f"image_file=@{corpus_file(PHOTO)}")
    done = polled(fetching, created["data"]["task_id"])
    assert done["data"]["progress"] == 100
    assert is_smaller_picture(done["data"]["image"], corpus_file(PHOTO))


def test_synchronous_with_an_image_url(fetching: Server, photos: str) -> None:
    done = curl(fetching, API, "sync=1", f"image_url={photos}/{PHOTO}")
    assert done["data"]["state"] == 1
    assert is_smaller_picture(done["data"]["image"], corpus_file(PHOTO))


@pytest.mark.parametrize(
    "name",
    [
        "a_Z_kodim23.png",
        "d_gen_photo.bmp",
        "d_S_5_webp_a.webp",
        "d_P_hopper_lzw.tif",
        "d_S_animated-loop-3.gif",
        "d_P_hopper.rgb",
        "d_R_RAW_KODAK_DC50_é.KDC",
        "d_gen_photo_progressive.jpg",
    ],
)
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_every_kind_of_source_comes_back_in_every_format(fetching: Server, name: str, kind: str) -> None:
    source = corpus_file(name)
    done = curl(fetching, API, "sync=1", f"format={kind}", "quality=75", f"image_file=@{source}")
    assert done["data"]["state"] == 1, done
    content = httpx.get(done["data"]["image"], trust_env=False).content
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[kind]
        assert picture.size == (done["data"]["report"]["width_px"], done["data"]["report"]["height_px"])
