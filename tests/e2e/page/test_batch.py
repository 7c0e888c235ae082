"""A batch on the web page, end to end: files in, figures, one ZIP out."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Route, expect
from tests.support.batches import download, pick, unzipped, write_batch
from tests.support.browser import Visitor
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server


def test_twenty_files_are_compressed_and_come_back_in_one_zip(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    sources = write_batch(tmp_path, 20)
    page = visitor.open("/", server.key)
    pick(page, *sources)
    expect(page.locator(".file[data-phase=done]")).to_have_count(20)
    expect(page.locator("#total-files")).to_contain_text("20 files")
    expect(page.locator("#total-saved")).to_contain_text("%")
    expect(page.locator("#live")).to_contain_text("Finished: 20 files")
    results = unzipped(download(page, "#download-all"))
    assert sorted(results) == sorted(path.name for path in sources)
    for path in sources:
        assert 0 < len(results[path.name]) <= path.stat().st_size
        assert Image.open(io.BytesIO(results[path.name])).size == (160, 120)
    assert sum(map(len, results.values())) < sum(path.stat().st_size for path in sources)


def test_files_that_cannot_get_smaller_are_in_the_zip_unchanged(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    smallest = tmp_path / "smallest.jpg"
    smallest.write_bytes(_as_small_as_can_be(server))
    page = visitor.open("/", server.key)
    pick(page, smallest, *write_batch(tmp_path, 1))
    expect(page.locator("#total-files")).to_contain_text("1 already as small as can be")
    assert unzipped(download(page, "#download-all"))["smallest.jpg"] == smallest.read_bytes()


def test_results_are_read_over_the_pages_own_origin_whatever_the_server_calls_itself(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    page = visitor.open("/", server.key)

    def rename(route: Route) -> None:
        answer = route.fetch().json()
        if "image" in answer["data"]:
            answer["data"]["image"] = answer["data"]["image"].replace(server.base, "https://img.example.com/base")
        route.fulfill(json=answer)

    page.route("**/imgcompress/*", rename)
    pick(page, *write_batch(tmp_path, 1))
    expect(page.locator(".file")).to_have_attribute("data-phase", "done")


def _as_small_as_can_be(server: Server) -> bytes:
    picture = encoded(gradient(64, 64), quality=20)
    with server.client() as client:
        for _ in range(5):
            data = client.post(API, data={"sync": "1"}, files={"image_file": picture}).json()["data"]
            if data["report"]["result_bytes"] == len(picture):
                break
            picture = httpx.get(data["image"], trust_env=False).content
    return picture
