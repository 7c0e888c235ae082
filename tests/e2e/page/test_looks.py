"""How the pages look: light and dark, small screens, accessible by axe's rules; and the README's pictures of them."""

from __future__ import annotations

import io
import os
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from tests.support.accounts import key_for
from tests.support.batches import pick, textured, write_batch
from tests.support.browser import Visitor
from tests.support.corpus import CORPUS
from tests.support.pictures import encoded
from tests.support.screens import PHONE, assert_fits, boxes, shoot, violations
from tests.support.server import Server

PHOTOS = {
    "parrots": "23",
    "lighthouse": "19",
    "caps": "03",
    "motocross": "05",
    "regatta": "09",
    "shutters": "07",
    "old door": "01",
}
Visitors = Callable[..., Visitor]


def brightness(page: Page) -> float:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("L")
    return sum(picture.resize((1, 1), Image.Resampling.BOX).tobytes())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_compress_page(
    visitor_with: Visitors, server: Server, tmp_path: Path, scheme: str
) -> None:
    page = visitor_with(color_scheme=scheme).open("/", server.key)
    assert violations(page) == []
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"broken")
    pick(page, broken, *write_batch(tmp_path, 2))
    assert violations(page) == []
    page.locator(".file[data-phase=done] .thumb").first.click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    for opener in ("#key-button", "[data-urls]"):
        page.click(opener)
        assert violations(page) == []
        page.keyboard.press("Escape")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_account_page(visitor_with: Visitors, server: Server, scheme: str) -> None:
    key_for(server, "limited", credits=3)
    page = visitor_with(color_scheme=scheme).open("/account", server.key)
    expect(page.locator("#chart svg")).to_be_visible()
    assert violations(page) == []
    page.click("#new-key")
    assert violations(page) == []


def test_dark_is_dark_by_the_systems_wish_and_by_the_button(visitor_with: Visitors) -> None:
    page = visitor_with(color_scheme="dark").open("/")
    assert brightness(page) < 60
    page.click("#theme")
    assert brightness(page) > 200
    page.reload()
    assert brightness(page) > 200
    page.click("#theme")
    page.emulate_media(color_scheme="light")
    assert brightness(page) < 60


def test_nothing_moves_where_less_motion_is_wanted(visitor_with: Visitors) -> None:
    page = visitor_with(reduced_motion="reduce").open("/")
    moving = "() => [...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s')"
    assert page.evaluate(f"{moving.replace('=> [', '=> ([', 1)}.length)") == 0


def test_a_phone_shows_everything_without_scrolling_sideways(
    visitor_with: Visitors, server: Server, tmp_path: Path
) -> None:
    page = visitor_with(**PHONE).open("/", server.key)
    broken = tmp_path / "a file with a rather long name that nobody would type on a telephone.png"
    broken.write_bytes(b"broken")
    pick(page, broken, *write_batch(tmp_path, 2))
    assert_fits(page)
    small = [box for box in boxes(page, "button:visible") if box["height"] < 43 or box["width"] < 36]
    assert small == []
    page.locator(".file[data-phase=done] .thumb").first.tap()
    assert_fits(page)
    page.get_by_role("button", name="Close").tap()
    page.goto(server.base + "/account")
    expect(page.locator("#chart svg")).to_be_visible()
    assert_fits(page)


@pytest.mark.skipif(os.environ.get("LEANPIX_SCREENSHOTS") != "1", reason="set LEANPIX_SCREENSHOTS=1 to take them")
def test_pictures_for_the_readme_are_taken(visitor_with: Visitors, server: Server, tmp_path: Path) -> None:
    key = key_for(server, "Corner shop", credits=500)
    sources = readme_files(tmp_path)
    page = visitor_with(viewport={"width": 1280, "height": 860}).open("/", key)
    pick(page, *sources)
    page.mouse.move(0, 0)
    page.wait_for_timeout(600)
    shoot(page, "page-light")
    page.emulate_media(color_scheme="dark")
    shoot(page, "page-dark")
    page.locator(".file .thumb").first.click()
    page.keyboard.press("1")
    page.wait_for_timeout(500)
    shoot(page, "page-comparison")
    page.keyboard.press("Escape")
    page.emulate_media(color_scheme="light")
    page.click("#clear")
    page.locator("[name=result][value=set]").check(force=True)
    page.fill("#widths", "192, 384, 768")
    page.wait_for_timeout(700)
    pick(page, sources[0])
    page.click(".file [data-do=sizes]")
    shoot(page, "page-set")
    phone = visitor_with(**PHONE).open("/", server.key)
    pick(phone, *sources[:3])
    phone.locator(".totals").evaluate("element => element.scrollIntoView()")
    phone.evaluate("() => window.scrollBy(0, -90)")
    shoot(phone, "page-phone")
    spend(server, [40, 310, 260, 290, 420, 380, 90, 60, 350, 330, 610, 300, 280, 70, 50, 400, 390, 520, 360, 310, 80])
    account = visitor_with(viewport={"width": 1280, "height": 860}).open("/account", server.key)
    expect(account.locator("#chart svg")).to_be_visible()
    shoot(account, "page-account")


def spend(server: Server, credits_by_day: list[int]) -> None:
    """Write what the owner's key would have been charged on the days before today."""
    with server.client() as client:
        key_id = client.get("/v1/account").json()["data"]["id"]
    rows = [
        (key_id, str(uuid.uuid4()), "settle", -cost, time.time() - (len(credits_by_day) - day) * 86400)
        for day, cost in enumerate(credits_by_day)
    ]
    with closing(sqlite3.connect(server.data_dir / "leanpix.db")) as database, database:
        database.executemany(
            "INSERT INTO ledger (key_id, task_id, kind, credits, created_at) VALUES (?, ?, ?, ?, ?)", rows
        )


def readme_files(folder: Path) -> list[Path]:
    """Photos as a camera would have saved them; drawn ones where the corpus is missing."""
    paths = [folder / f"{name}.jpg" for name in PHOTOS]
    for seed, (path, original) in enumerate(zip(paths, PHOTOS.values(), strict=True)):
        source = CORPUS / f"a_Z_kodim{original}.png"
        photo = Image.open(source).convert("RGB") if source.is_file() else textured(seed, 768, 512)
        path.write_bytes(encoded(photo))
    return paths
