"""AVIF on the page: offered where this installation writes it, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.support.batches import download, pick, settled, unzipped, write_batch
from tests.support.browser import Visitor
from tests.support.server import Server, running_server

REMEMBERED = """if (location.protocol === "http:" && !localStorage.getItem("leanpix.settings"))
  localStorage.setItem("leanpix.settings", '{"format": "avif"}')"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("extended") / "data", extra_formats="avif") as server:
        yield server


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("plain") / "data", extra_formats="none") as server:
        yield server


def formats(visit: Visitor, key: str | None = None) -> list[str]:
    page = visit.open("/", key)
    page.wait_for_load_state("networkidle")
    return page.locator("#format option").all_inner_texts()


def test_avif_is_offered_made_compared_downloaded_and_remembered(
    browser: Browser, extended: Server, tmp_path: Path
) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 860}) as context:
        visit = Visitor(context, extended)
        page = visit.open("/", extended.key)
        page.select_option("#format", label="AVIF")
        page.wait_for_timeout(700)
        pick(page, *write_batch(tmp_path, 2))
        settled(page)
        expect(page.locator(".file [data-part=meta]", has_text="→ AVIF")).to_have_count(2)
        made = unzipped(download(page, "#download-all"))
        assert {name: data[4:12] for name, data in made.items()} == {
            "picture 00.jpg.avif": b"ftypavif",
            "picture 01.png.avif": b"ftypavif",
        }
        page.locator(".file [data-do=compare]").first.click()
        expect(page.locator("#facts")).to_contain_text("AVIF")
        assert page.locator("#after").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        page.reload()
        expect(page.locator("#format")).to_have_value("avif")
    assert visit.problems == []


def test_elsewhere_it_is_not_offered_and_a_remembered_one_is_dropped(
    browser: Browser, plain: Server, tmp_path: Path
) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 860}) as context:
        visit = Visitor(context, plain)
        assert formats(visit) == ["As the original", "JPG", "PNG", "WebP", "The smallest"]
        context.add_init_script(REMEMBERED)
        page = visit.open("/", plain.key)
        pick(page, *write_batch(tmp_path, 2))
        settled(page)
        expect(page.locator(".file[data-phase=done]")).to_have_count(2)
        expect(page.locator("#format")).to_have_value("")
        assert sorted(unzipped(download(page, "#download-all"))) == ["picture 00.jpg", "picture 01.png"]
    assert visit.problems == []
