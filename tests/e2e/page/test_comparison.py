"""Before and after: slider, blink, zoom and quality, without a mouse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect
from tests.support.batches import pick, textured
from tests.support.browser import Visitor
from tests.support.pictures import encoded
from tests.support.server import Server
from tests.support.trust import texture


@pytest.fixture
def page(visitor: Visitor, server: Server, tmp_path: Path) -> Page:
    """The comparison of the first of two files, opened by keyboard."""
    sources = [tmp_path / name for name in ("first.jpg", "second.jpg")]
    for seed, source in enumerate(sources):
        source.write_bytes(encoded(textured(seed, 640, 480)))
    opened = visitor.open("/", server.key)
    pick(opened, *sources)
    opened.get_by_role("button", name="Compare before and after: first.jpg").focus()
    opened.keyboard.press("Enter")
    expect(slider(opened)).to_be_focused()
    return opened


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Comparison of before and after")


def position(page: Page) -> int:
    return int(slider(page).get_attribute("aria-valuenow") or "-1")


def test_the_slider_moves_by_arrow_keys_and_tells_where_it_is(page: Page) -> None:
    assert position(page) == 50
    page.keyboard.press("ArrowRight", delay=120)
    right = position(page)
    page.keyboard.press("ArrowLeft", delay=300)
    assert right > 50 > position(page)
    page.keyboard.press("Home")
    assert position(page) == 0
    page.keyboard.press("End")
    assert position(page) == 100
    expect(slider(page)).to_have_attribute("aria-valuetext", "100 % of the original is shown")


def test_the_slider_moves_by_mouse(page: Page) -> None:
    box = page.locator("#stage").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, middle, steps=4)
    page.mouse.up()
    assert abs(position(page) - 25) <= 1


def test_blink_shows_one_and_then_the_other(page: Page) -> None:
    stage = page.locator("#stage")
    for shown in ("before", "after", "before"):
        page.keyboard.press("b")
        expect(stage).to_have_attribute("data-view", shown)
    assert position(page) == 100
    page.keyboard.press("ArrowLeft", delay=120)
    expect(stage).to_have_attribute("data-view", "slider")


def test_zoom_goes_to_actual_pixels_and_beyond_and_back(page: Page) -> None:
    zoom = page.locator("#zoom-shown")
    for key, percent in (("1", "100 %"), ("4", "400 %"), ("-", "267 %"), ("+", "400 %")):
        page.keyboard.press(key)
        expect(zoom).to_have_text(percent)
    picture = page.locator("#after")
    box = picture.bounding_box()
    assert box is not None
    assert round(box["width"]) == 4 * 640
    page.keyboard.press("Shift+ArrowLeft")
    moved = picture.bounding_box()
    assert moved is not None
    assert moved["x"] == pytest.approx(box["x"] + 80)
    page.keyboard.press("0")
    expect(zoom).to_have_text("100 %")


def test_a_files_own_quality_changes_the_size_on_show(page: Page) -> None:
    size = page.locator("#size-after")
    for quality in ("100", "10"):
        before = size.inner_text()
        page.locator("#file-quality").fill(quality)
        expect(size).not_to_have_text(re.compile(rf"^({re.escape(before)}|\u2026)$"), timeout=60_000)
    assert float(size.inner_text().split()[0]) < float(before.split()[0])
    page.click("#use-for-all")
    page.keyboard.press("Escape")
    expect(page.locator("[name=mode][value=quality]")).to_be_checked()
    expect(page.locator("#quality")).to_have_value("10")


def test_page_keys_go_from_file_to_file_and_escape_goes_back(page: Page) -> None:
    title = page.locator("#comparison-title")
    expect(title).to_have_text("first.jpg")
    page.keyboard.press("PageDown")
    expect(title).to_have_text("second.jpg")
    page.keyboard.press("Escape")
    expect(page.locator("#comparison")).to_be_hidden()
    expect(page.get_by_role("button", name="Compare before and after: first.jpg")).to_be_focused()


def test_w_goes_to_the_place_that_looks_worst(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    """Thin red lines in one corner of a photograph are what halved chroma and quantisation show first."""
    picture = Image.fromarray(texture(3, 1200, 900))
    left, top, side = 1040, 700, 80
    for x in range(left, left + side, 4):
        ImageDraw.Draw(picture).line((x, top, x, top + side), fill=(235, 0, 20))
    source = tmp_path / "lines.jpg"
    source.write_bytes(encoded(picture, quality=97, subsampling=0))

    page = visitor.open("/", server.key)
    pick(page, source)
    page.get_by_role("button", name="Compare before and after: lines.jpg").click()
    expect(page.locator("#worst")).to_be_visible()
    expect(page.locator("#worst")).to_have_attribute("title", re.compile("thin colour"))

    page.keyboard.press("w")
    expect(page.locator("#zoom-shown")).to_have_text("200 %")
    stage, shown = page.locator("#stage").bounding_box(), page.locator("#after").bounding_box()
    assert stage is not None
    assert shown is not None
    middle_x, middle_y = (shown["x"] + 2 * (left + side / 2), shown["y"] + 2 * (top + side / 2))
    assert stage["x"] <= middle_x <= stage["x"] + stage["width"]
    assert stage["y"] <= middle_y <= stage["y"] + stage["height"]
