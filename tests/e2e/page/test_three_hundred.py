"""Three hundred files on the page: the server goes away meanwhile, the reader comes back and finds what they look for.

With LEANPIX_SCREENSHOTS=1 the pictures of docs/ are taken on the way.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tests.support.accounts import key_for
from tests.support.batches import BATCH_MS, download, settled, textured, unzipped
from tests.support.browser import Visitor
from tests.support.corpus import CORPUS
from tests.support.pictures import encoded
from tests.support.screens import PHONE, assert_fits, shoot, violations
from tests.support.server import LEANPIX, Server, running_server, wait_until_healthy

MANY = 300
LANGUAGES = Path(__file__).resolve().parents[3] / "src" / "leanpix" / "web" / "page" / "languages"


@pytest.fixture(scope="module")
def restartable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("restarted") / "data") as server:
        yield server
        if server.process.poll() is None:
            server.kill()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small ones, cut from photographs where the corpus is there; the last two are no pictures."""
    folder = tmp_path_factory.mktemp("photos")
    originals = sorted(CORPUS.glob("a_Z_kodim*.png"))
    paths = []
    for number in range(MANY - 2):
        path = folder / f"IMG_{number + 1:04}.jpg"
        if originals:
            with Image.open(originals[number % len(originals)]) as photo:
                left, top = 37 * number % 300, 23 * number % 200
                cut = photo.convert("RGB").crop((left, top, left + 210, top + 140))
        else:
            cut = textured(number % 40, 210, 140)
        path.write_bytes(encoded(cut, quality=94))
        paths.append(path)
    heic, film = folder / "IMG_0299.heic", folder / "MVI_0300.mp4"
    heic.write_bytes(b"\0\0\0\x24ftypheic" + bytes(200))
    film.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(200))
    return [*paths, heic, film]


def restart(server: Server) -> None:
    """The same data on the same port again, as a service manager would."""
    port = server.base.rpartition(":")[2]
    command = [str(LEANPIX), "serve", "--port", port, "--data-dir", str(server.data_dir)]
    with server.output.open("ab") as log:
        server.process = subprocess.Popen(
            command, stdout=log, stderr=log, env=server.environment, start_new_session=True
        )
    wait_until_healthy(server.process, server.base, server.output)


def done(page: Page) -> int:
    return page.locator(".file[data-phase=done]").count()


def names(page: Page) -> list[str]:
    return page.locator(".file:visible [data-part=name]").all_text_contents()


def test_three_hundred_files_and_a_server_that_is_restarted_meanwhile(
    browser: Browser, restartable: Server, photos: list[Path]
) -> None:
    key = key_for(restartable, "Corner shop", qps=1000)
    with browser.new_context(viewport={"width": 1280, "height": 860}) as context:
        visit = Visitor(context, restartable)
        visit.hide_formats("heic")
        page = visit.open("/", key)
        page.set_input_files("#pick-files", [str(path) for path in photos])
        expect(page.locator(".file")).to_have_count(MANY, timeout=BATCH_MS)

        # What is done can be had while the others run.
        page.wait_for_function(
            "() => document.querySelectorAll('.file[data-phase=done]').length > 30", timeout=BATCH_MS
        )
        expect(page.locator("#download-all")).to_contain_text("so far")
        some = unzipped(download(page, "#download-all"))
        assert 30 < len(some) <= MANY

        # The server goes away, which is said as such, and comes back.
        restartable.kill()
        expect(page.locator("#away")).to_contain_text("cannot be reached", timeout=BATCH_MS)
        shoot(page, "page-away")
        restart(restartable)
        expect(page.locator("#away")).to_be_hidden(timeout=BATCH_MS)
        settled(page)
        failed = page.locator(".file[data-phase=failed]").all_text_contents()
        assert len(failed) == 2, failed
        expect(page.locator("#total-files")).to_have_text("298 of 300 files, 2 failed")

        # Leaving, and coming back: everything is here again, and nothing is sent again.
        created: list[str] = []
        page.on("request", lambda request: created.append(request.url) if request.method == "POST" else None)
        page.goto(restartable.base + "/account")
        page.goto(restartable.base + "/")
        expect(page.locator("#toast")).to_contain_text("300 files of your last visit")
        expect(page.locator(".file[data-phase=done]")).to_have_count(298)
        assert created == []

        # What failed is found, and says what to do.
        page.locator("[name=filter][value=failed]").check(force=True)
        assert names(page) == ["IMG_0299.heic", "MVI_0300.mp4"]
        expect(page.locator(".file:visible [data-part=detail]").first).to_contain_text(
            "HEIC: this server cannot read it"
        )
        page.locator("[name=filter][value=all]").check(force=True)
        page.fill("#search", "IMG_001")
        assert names(page) == [f"IMG_001{digit}.jpg" for digit in range(10)]
        page.fill("#search", "")
        page.click("[data-sort=saved]")
        expect(page.locator("thead th", has=page.locator("[data-sort=saved]"))).to_have_attribute(
            "aria-sort", "descending"
        )
        saved = [
            float(text.strip("\u2212 %"))
            for text in page.locator(".file [data-part=saved]").all_text_contents()
            if "%" in text
        ]
        assert saved == sorted(saved, reverse=True)
        shoot(page, "page-three-hundred")
        assert violations(page) == []

        # The same in German; the choice is remembered.
        page.select_option("#language", "de")
        expect(page.locator("#total-files")).to_have_text("298 von 300 Dateien, 2 fehlgeschlagen")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        page.click("[data-sort=state]")
        expect(page.locator(".file").first).to_contain_text("HEIC: Dieser Server liest dieses Format nicht.")
        shoot(page, "page-german")
        page.reload()
        expect(page.locator("h1")).to_have_text("Kleinere Bilder, gleiches Aussehen.")
    assert visit.problems == []


@pytest.mark.parametrize("language", ["ja", "fr"])
def test_a_phone_in_another_language_has_room_for_everything(
    browser: Browser, restartable: Server, photos: list[Path], language: str
) -> None:
    if restartable.process.poll() is not None:
        restart(restartable)
    key = key_for(restartable, "shop", qps=1000)
    with browser.new_context(**PHONE, locale=language) as context:
        visit = Visitor(context, restartable)
        visit.hide_formats("heic")
        page = visit.open("/", key)
        texts = json.loads((LANGUAGES / f"{language}.json").read_text())
        expect(page.locator("h1")).to_have_text(texts["drop.title"])
        page.set_input_files("#pick-files", [str(path) for path in [*photos[:8], *photos[-2:]]])
        expect(page.locator(".file")).to_have_count(10)
        settled(page)
        assert_fits(page)
        assert violations(page) == []
        page.locator(".list-tools").evaluate("element => element.scrollIntoView()")
        page.evaluate("() => window.scrollBy(0, -210)")
        shoot(page, f"page-phone-{language}")
        page.select_option("#sort", "saved down")
        saved = page.locator(".file[data-phase=done] [data-part=saved]").all_text_contents()
        figures = [float(re.sub(r"[^\d,.]", "", text).replace(",", ".")) for text in saved]
        assert figures == sorted(figures, reverse=True)
    assert visit.problems == []


def test_leaving_with_work_under_way_asks_and_coming_back_goes_on(
    visitor_with: Callable[..., Visitor], server: Server, photos: list[Path]
) -> None:
    visit = visitor_with(viewport={"width": 1280, "height": 860})
    page = visit.open("/", key_for(server, "slow", credits=50, qps=2))
    asked: list[str] = []

    def leave(dialog: object) -> None:
        asked.append(getattr(dialog, "type", ""))
        dialog.accept()  # type: ignore[attr-defined] # Playwright's own

    page.on("dialog", leave)
    page.set_input_files("#pick-files", [str(path) for path in photos[:10]])
    expect(page.locator(".file[data-phase=done]").first).to_be_visible()
    page.click("h1")  # a page that nobody has touched may not ask
    assert done(page) < 10
    page.reload()
    assert asked == ["beforeunload"]
    expect(page.locator(".file")).to_have_count(10)
    settled(page)
    expect(page.locator(".file[data-phase=done]")).to_have_count(10)
    # Another tab leaves them to this one while it lives, and takes them when it is gone.
    other = visit.context.new_page()
    other.goto(server.base + "/")
    expect(other.locator("#key-button")).to_have_attribute("data-state", "known")
    assert other.locator(".file").count() == 0
    page.close(run_before_unload=True)
    other.reload()
    expect(other.locator(".file[data-phase=done]")).to_have_count(10)
    with server.client(other.evaluate("() => localStorage.getItem('leanpix.key')")) as client:
        assert client.get("/v1/account").json()["data"]["credits"] == 40  # each was paid for once
