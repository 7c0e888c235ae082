"""A set on the page: several widths and formats of a file, listed, shown with what a web page needs, and in a ZIP."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tests.support.batches import download, pick, settled, textured, unzipped, write_batch
from tests.support.browser import Visitor
from tests.support.pictures import encoded
from tests.support.screens import PHONE, assert_fits, violations
from tests.support.server import API, LEANPIX, Server, clean_environment, running_server

Visitors = Callable[..., Visitor]
SETTLE_MS = 700
SIX = [
    ("60 \u00d7 40", "AVIF"),
    ("60 \u00d7 40", "WEBP"),
    ("60 \u00d7 40", "JPG"),
    ("120 \u00d7 80", "AVIF"),
    ("120 \u00d7 80", "WEBP"),
    ("120 \u00d7 80", "JPG"),
]


@pytest.fixture
def hat(tmp_path: Path) -> Path:
    path = tmp_path / "red hat.jpg"
    path.write_bytes(encoded(textured(3, 240, 160)))
    return path


def want_sizes(page: Page, widths: str) -> None:
    page.locator("[name=result][value=set]").check(force=True)
    page.fill("#widths", widths)
    page.wait_for_timeout(SETTLE_MS)


def html_of_the_command(picture: Path) -> str:
    command = [str(LEANPIX), "set", str(picture), "--widths", "60,120", "--zip", "--html"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment())
    return done.stdout.rstrip("\n")


def test_sizes_are_listed_shown_and_downloaded(visitor: Visitor, server: Server, hat: Path) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open("/", server.key)
    want_sizes(page, "120, 60 60")  # in any order, and twice is once
    expect(page.locator("#set-note")).to_contain_text("6 pictures at most")
    pick(page, hat)
    expect(page.locator(".file [data-part=meta]")).to_have_text("240 \u00d7 160 · 6 pictures · AVIF, WEBP, JPG")
    expect(page.locator(".file [data-column=saved]")).to_have_text("\u2013")  # beside one source they say nothing
    expect(page.locator("#total-files")).to_have_text("1 file, 6 pictures")

    page.get_by_role("button", name="Show the sizes: red hat.jpg").last.click()
    rows = page.locator("#set-pictures tr")
    assert [(row.locator("th").inner_text(), row.locator("td").first.inner_text()) for row in rows.all()] == SIX
    for row in rows.all():
        assert row.locator("[data-part=bytes]").inner_text().endswith((" B", " KB"))
        assert 30 < float(row.locator("[data-part=score]").inner_text()) <= 100
    colour = page.locator("#set-colour").inner_text()
    assert (len(colour), len(page.locator("#set-hash").inner_text())) > (7, 20)
    drawn = "canvas => [canvas.width, canvas.height, canvas.getContext('2d').getImageData(16, 10, 1, 1).data[3]]"
    assert page.locator("#set-thumbhash").evaluate(drawn) == [32, 23, 255]

    html = page.locator("#set-html").input_value()
    assert html == html_of_the_command(hat)
    assert f"background:{colour}" in html
    page.click("#set-copy")
    expect(page.locator("#set-copy")).to_have_text("Copied.")
    assert page.evaluate("() => navigator.clipboard.readText()") == html

    whole = unzipped(download(page, "#set-download"))
    assert list(whole) == ["60.avif", "60.webp", "60.jpg", "120.avif", "120.webp", "120.jpg", "manifest.json"]
    assert all(f"{name} " in html for name in whole if name != "manifest.json")
    assert download(page, "#set-pictures tr:nth-child(5) button") == whole["120.webp"]
    with Image.open(io.BytesIO(whole["120.webp"])) as picture:
        assert picture.size == (120, 80)


def test_each_set_has_a_folder_in_the_zip_of_all_and_is_there_after_a_reload(
    visitor: Visitor, server: Server, hat: Path, tmp_path: Path
) -> None:
    page = visitor.open("/", server.key)
    single = write_batch(tmp_path, 1)[0]
    pick(page, single)
    saved = page.locator("#total-saved").inner_text()
    page.locator(".file [data-do=compare]").first.click()
    page.locator("#file-quality").fill("55")  # a setting of its own, which the form's do not change
    page.wait_for_timeout(SETTLE_MS)
    settled(page)
    page.keyboard.press("Escape")
    want_sizes(page, "60")
    pick(page, hat)
    expect(page.locator("#total-files")).to_have_text("2 files, 3 pictures")
    assert page.locator("#total-saved").inner_text().startswith("\u2212")
    assert saved.startswith("\u2212")
    names = sorted(unzipped(download(page, "#download-all")))
    assert names == [single.name, *(f"red hat/{name}" for name in ("60.avif", "60.jpg", "60.webp", "manifest.json"))]
    # The comparison's arrows pass a set by: it has no one picture to compare.
    page.locator(".file", has_text=single.name).locator("[data-do=compare]").first.click()
    expect(page.locator("#comparison [data-step='1']")).to_be_hidden()
    page.keyboard.press("Escape")

    page.reload()
    expect(page.locator("[name=result][value=set]")).to_be_checked()
    expect(page.locator("#widths")).to_have_value("60")
    page.locator(".file.set [data-do=sizes]").click()
    expect(page.locator("#set-pictures tr")).to_have_count(3)
    assert len(download(page, "#set-pictures tr:nth-child(2) button")) > 0


@pytest.mark.parametrize(
    ("widths", "said"),
    [
        ("400, 8oo, 1600", "“8oo” is no width: whole pixels from 1 to 8000, by commas."),
        ("400, 9000", "“9000” is no width"),
        ("0", "“0” is no width"),
        ("", "At least one width in pixels"),
        (",".join(map(str, range(1, 18))), "17 widths are too many: 16 at most."),
        (",".join(map(str, range(1, 13))), "36 pictures are too many for a set: 32 at most."),
    ],
)
def test_widths_that_are_none_are_named_beside_their_field_and_not_sent(
    visitor: Visitor, server: Server, hat: Path, widths: str, said: str
) -> None:
    page = visitor.open("/", server.key)
    want_sizes(page, "60")
    pick(page, hat)
    created: list[str] = []
    page.on("request", lambda request: created.append(request.url) if request.method == "POST" else None)
    page.fill("#widths", widths)
    expect(page.locator("#widths-note")).to_contain_text(said)
    expect(page.locator("#widths")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#settings-note")).to_have_text("")
    assert "widths-note" in (page.locator("#widths").get_attribute("aria-describedby") or "")
    page.wait_for_timeout(SETTLE_MS)
    assert created == []
    page.fill("#widths", "\uff17\uff10\u300190")  # as Japanese keyboards have them
    expect(page.locator("#widths-note")).to_have_text("")
    page.wait_for_timeout(SETTLE_MS)
    settled(page)
    expect(page.locator(".file [data-part=meta]")).to_contain_text("6 pictures")


def test_a_set_needs_a_format_and_has_no_target_size(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.locator("[name=mode][value=kbyte]").check(force=True)
    want_sizes(page, "60")
    expect(page.locator("[name=mode][value=auto]")).to_be_checked()
    expect(page.locator("[name=mode][value=kbyte]")).to_be_disabled()
    for name in ("avif", "webp", "jpg"):
        page.locator(f"[name=formats][value={name}]").uncheck(force=True)
    expect(page.locator("#widths-note")).to_have_text("At least one format.")
    page.locator("[name=formats][value=png]").check(force=True)
    expect(page.locator("#widths-note")).to_have_text("")
    page.locator("[name=result][value=one]").check(force=True)
    expect(page.locator("#width")).to_be_visible()
    expect(page.locator("[name=mode][value=kbyte]")).to_be_enabled()


def test_an_installation_with_fewer_formats_and_pictures_is_asked_for_no_more(
    browser: Browser, tmp_path: Path, hat: Path
) -> None:
    with (
        running_server(tmp_path / "data", extra_formats="none", set_max_pictures="3") as own,
        browser.new_context(viewport={"width": 1280, "height": 860}) as context,
    ):
        visit = Visitor(context, own)
        page = visit.open("/", own.key)
        want_sizes(page, "60, 120")
        expect(page.locator("#widths-note")).to_contain_text("4 pictures are too many for a set: 3 at most.")
        assert page.locator("[name=formats]").evaluate_all("boxes => boxes.map((box) => box.value)") == [
            "webp",
            "jpg",
            "png",
        ]
        want_sizes(page, "60")
        pick(page, hat)
        expect(page.locator(".file [data-part=meta]")).to_contain_text("2 pictures · WEBP, JPG")
        visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.click(".file [data-do=curl]")
        expect(page.locator("#toast")).to_contain_text("Copied")
        command = page.evaluate("() => navigator.clipboard.readText()")
        assert "-F 'widths=60'" in command
        assert "-F 'formats=webp,jpg'" in command
    assert visit.problems == []


def test_keys_alone_ask_for_sizes_and_read_them(visitor: Visitor, server: Server, hat: Path) -> None:
    page = visitor.open("/", server.key)
    page.focus("[name=result][value=one]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    expect(page.locator("#widths")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("60")
    page.keyboard.press("Tab")
    expect(page.locator("[name=formats][value=avif]")).to_be_focused()
    page.keyboard.press("Space")
    page.wait_for_timeout(SETTLE_MS)
    pick(page, hat)
    page.focus(".file [data-do=sizes]")
    page.keyboard.press("Enter")
    expect(page.locator("#set")).to_be_visible()
    expect(page.locator("#set-pictures tr")).to_have_count(2)
    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.id || document.activeElement.className"))
    assert {"set-list", "set-html", "set-copy", "set-download"} <= reached
    page.keyboard.press("Escape")
    expect(page.locator("#set")).to_be_hidden()
    expect(page.locator(".file [data-do=sizes]")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_at_a_set(visitor_with: Visitors, server: Server, hat: Path, scheme: str) -> None:
    page = visitor_with(color_scheme=scheme, viewport={"width": 1280, "height": 860}).open("/", server.key)
    want_sizes(page, "60, x")
    assert violations(page) == []
    want_sizes(page, "60, 120")
    pick(page, hat)
    assert violations(page) == []
    page.click(".file [data-do=sizes]")
    page.wait_for_timeout(200)
    assert violations(page) == []


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "pt", "zh", "ja"])
def test_every_language_has_room_for_it_on_a_phone(
    visitor_with: Visitors, server: Server, hat: Path, language: str
) -> None:
    page = visitor_with(**PHONE, locale=language).open("/", server.key)
    expect(page.locator("html")).to_have_attribute("lang", language)
    want_sizes(page, "60, x")
    assert_fits(page)
    want_sizes(page, "60, 120")
    pick(page, hat)
    assert_fits(page)
    page.locator(".file [data-do=sizes]").tap()
    expect(page.locator("#set-pictures tr")).to_have_count(6)
    assert_fits(page)
    cut = """() => [...document.querySelectorAll("#settings label, #set button, #set th, #set td, #set dt")]
        .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1)
        .map((one) => one.textContent.trim())"""
    assert page.evaluate(cut) == []
    within = page.locator("#set").bounding_box()
    assert within is not None
    assert within["height"] <= PHONE["viewport"]["height"]
    assert page.locator("#set-download").is_visible()


def test_the_answer_has_the_same_html_for_programs(server: Server, hat: Path) -> None:
    with server.client() as client:
        fields = {"sync": "1", "widths": "60,120", "formats": "avif,webp,jpg"}
        data = client.post(API, data=fields, files={"image_file": hat.read_bytes()}, timeout=60).json()["data"]
    assert data["html"] == html_of_the_command(hat)
    assert json.dumps(data).count("<picture>") == 1
