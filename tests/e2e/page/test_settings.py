"""Settings: remembered, applied to the files already there, paid for only when asked."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect
from tests.support.accounts import key_for
from tests.support.batches import download, pick, settled, textured, unzipped, write_batch
from tests.support.browser import Visitor
from tests.support.pictures import encoded, gradient
from tests.support.server import Server


def choose_mode(page: Page, mode: str) -> None:
    page.locator(f"[name=mode][value={mode}]").check(force=True)


def test_new_settings_are_applied_to_the_files_already_there_and_remembered(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    page = visitor.open("/", server.key)
    pick(page, *write_batch(tmp_path, 2))
    page.select_option("#format", "webp")
    page.fill("#width", "80")
    expect(page.locator(".file [data-part=meta]", has_text="80 \u00d7 60")).to_have_count(2, timeout=30_000)
    settled(page)
    assert sorted(unzipped(download(page, "#download-all"))) == ["picture 00.jpg.webp", "picture 01.png.webp"]
    page.reload()
    expect(page.locator("#format")).to_have_value("webp")
    expect(page.locator("#width")).to_have_value("80")


def test_a_copyright_is_kept_where_that_is_chosen_and_what_is_lost_is_told(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    mark = Image.Exif()
    mark[0x8298] = "(c) Nobody"
    source = tmp_path / "owned.jpg"
    source.write_bytes(encoded(gradient(200, 150), exif=mark.tobytes()))
    page = visitor.open("/", server.key)
    pick(page, source)
    settled(page)
    expect(page.locator(".file")).to_contain_text("Without copyright")
    page.select_option("#keep", "copyright")
    page.wait_for_timeout(700)
    settled(page)
    expect(page.locator(".file")).not_to_contain_text("Without copyright")
    with Image.open(io.BytesIO(unzipped(download(page, "#download-all"))["owned.jpg"])) as picture:
        assert picture.getexif()[0x8298] == "(c) Nobody"


def test_how_good_automatic_is_can_be_chosen_by_word_and_by_number(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encoded(textured(3, 480, 320), quality=97))
    page = visitor.open("/", server.key)
    pick(page, photo)
    sizes = []
    for level, score in (("fine", ""), ("small", ""), ("", "40")):
        if level:
            page.locator(f"[name=level][value={level}]").check(force=True)
        else:
            page.fill("#score", score)
        page.wait_for_timeout(700)
        settled(page)
        sizes.append(len(next(iter(unzipped(download(page, "#download-all")).values()))))
    assert sizes[0] > sizes[1] > sizes[2]
    expect(page.locator(".file [data-part=meta]")).to_contain_text("JPG · quality ")  # what was chosen is in the row
    expect(page.locator("#settings-note")).to_have_text("As few bytes as a score of 40 needs.")
    assert page.locator("[name=level]:checked").count() == 0
    page.reload()
    expect(page.locator("#score")).to_have_value("40")


def test_a_quality_changes_the_size_of_the_result(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open("/", server.key)
    pick(page, *write_batch(tmp_path, 1))
    choose_mode(page, "quality")
    sizes = []
    for quality in ("90", "20"):
        page.locator("#quality").fill(quality)
        expect(page.locator("#quality-shown")).to_have_text(quality)
        page.wait_for_timeout(700)
        settled(page)
        sizes.append(len(next(iter(unzipped(download(page, "#download-all")).values()))))
    assert sizes[1] < sizes[0] / 2


def test_a_target_size_is_kept_and_cannot_be_combined_with_png(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    source = tmp_path / "wide.jpg"
    source.write_bytes(encoded(gradient(800, 600)))
    page = visitor.open("/", server.key)
    choose_mode(page, "kbyte")
    page.fill("#kbyte", "9")
    expect(page.locator("#format option[value=png]")).to_be_disabled()
    page.wait_for_timeout(700)
    pick(page, source)
    assert len(unzipped(download(page, "#download-all"))["wide.jpg"]) <= 9 * 1024


def test_a_target_size_leaves_pngs_out_in_plain_words_and_asks_the_server_for_none_of_them(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    page = visitor.open("/", server.key)
    pick(page, *write_batch(tmp_path, 2))
    created: list[str] = []
    page.on("request", lambda request: created.append(request.url) if request.method == "POST" else None)
    choose_mode(page, "kbyte")
    row = page.locator(".file", has_text="picture 01.png")
    expect(row.locator("[data-part=detail]")).to_have_text("PNG has no target size: choose JPG or WebP as the format.")
    settled(page)
    assert len(created) == 1, "the JPEG's alone"
    page.select_option("#format", "webp")
    expect(row.locator("[data-part=meta]")).to_contain_text("→ WEBP")
    expect(row.locator("[data-part=state]")).to_have_text("Done")


def test_a_side_out_of_bounds_is_refused_in_the_form(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.fill("#width", "9000")
    expect(page.locator("#settings-note")).to_contain_text("1 to 8000 px")


def test_with_limited_credits_files_are_done_again_only_when_asked(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    page = visitor.open("/", key_for(server, credits=5))
    pick(page, *write_batch(tmp_path, 2))
    expect(page.locator("#key-button")).to_contain_text("3 credits")
    page.select_option("#format", "webp")
    expect(page.locator("#reapply-text")).to_contain_text("2 files uses credits")
    expect(page.locator(".file", has_text="WEBP")).to_have_count(0)
    page.click("#apply-now")
    expect(page.locator(".file", has_text="→ WEBP")).to_have_count(2, timeout=30_000)
    expect(page.locator("#key-button")).to_contain_text("1 credit")
