"""The page's languages: files that are whole, and a page that says what they say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect
from tests.support.batches import pick, settled, write_batch
from tests.support.browser import Visitor
from tests.support.screens import PHONE, assert_fits
from tests.support.server import Server

PAGE = Path(__file__).resolve().parents[3] / "src" / "leanpix" / "web" / "page"
FILES = sorted((PAGE / "languages").glob("*.json"))
# What the plural rules of a language can ask for, without those that only fractions and millions have.
FORMS = {"ja": {"other"}, "zh": {"other"}}


def texts(language: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAGE / "languages" / f"{language}.json").read_text(encoding="utf-8"))
    return found


ENGLISH = texts("en")


def forms(text: str | dict[str, str]) -> dict[str, str]:
    return text if isinstance(text, dict) else {"": text}


def places(text: str | dict[str, str]) -> set[str]:
    return {place for form in forms(text).values() for place in re.findall(r"\{(\w+)\}", form)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_a_language_says_everything_with_everything_in_it(file: Path) -> None:
    found = texts(file.stem)
    assert list(found) == list(ENGLISH)
    assert [key for key, text in found.items() if not all(form.strip() for form in forms(text).values())] == []
    assert {key: places(text) for key, text in found.items()} == {key: places(text) for key, text in ENGLISH.items()}
    expected = FORMS.get(file.stem, {"one", "other"})
    assert [key for key, text in found.items() if isinstance(text, dict) and set(text) != expected] == []


def test_seven_languages_are_there_under_their_own_names() -> None:
    names = {file.stem: texts(file.stem)["name"] for file in FILES}
    assert names.items() >= {"en": "English", "de": "Deutsch", "fr": "Français", "ja": "日本語", "zh": "中文"}.items()
    assert names.keys() >= {"es", "pt"}


class Marked(HTMLParser):
    """The texts of a page that are marked with their key, as the page has them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open: list[list[str]] = []  # tag, key, text so far, number of elements within

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for pair in (given.get("data-t-attributes") or "").split():
            attribute, _, key = pair.partition("=")
            self.found.append((key, given[attribute] or ""))
        if self._open:
            self._open[-1][2] += "{" + self._open[-1][3] + "}"
            self._open[-1][3] = str(int(self._open[-1][3]) + 1)
        if tag not in {"input", "img", "meta", "link", "br", "use"}:
            self._open.append([tag, given.get("data-t") or "", "", "0"])

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            opened, key, text, _ = self._open.pop()
            if key:
                self.found.append((key, text.strip()))
            if opened == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1][2] += data


@pytest.mark.parametrize("page", sorted(PAGE.glob("*.html")), ids=lambda page: str(page.stem))
def test_a_page_and_its_english_texts_are_the_same(page: Path) -> None:
    marked = Marked()
    marked.feed(page.read_text(encoding="utf-8"))
    assert {key: text for key, text in marked.found if ENGLISH.get(key) != text} == {}


def test_every_text_that_is_asked_for_is_there_and_none_is_there_in_vain() -> None:
    modules = "\n".join(path.read_text(encoding="utf-8") for path in PAGE.glob("*.js"))
    pages = "\n".join(path.read_text(encoding="utf-8") for path in PAGE.glob("*.html"))
    asked = set(re.findall(r'(?:\bt|counted)\("([\w.-]+)"', modules)) | set(re.findall(r'key: "([\w.]+)"', modules))
    asked |= set(re.findall(r'"(judge\.\w+)"', modules)) | set(re.findall(r'"((?:urls|account)\.\w+)"', modules))
    asked |= set(re.findall(r'data-t="([\w.]+)"', pages))
    asked |= {
        pair.partition("=")[2] for some in re.findall(r'data-t-attributes="([^"]+)"', pages) for pair in some.split()
    }
    families = set(re.findall(r"`([a-z]+)\.\$\{", modules))  # t(`state.${phase}`)
    assert asked - ENGLISH.keys() == set()
    assert {key for key in ENGLISH if key not in asked and key.split(".")[0] not in families} == {"name"}


def test_a_text_that_a_file_lacks_is_said_in_english(visitor_with: Callable[..., Visitor], server: Server) -> None:
    def without(route: Route) -> None:
        lacking = texts("de")
        del lacking["drop.files"], lacking["totals.saved"]
        route.fulfill(json=lacking)

    visit = visitor_with(viewport={"width": 1280, "height": 860}, locale="en")
    visit.context.route("**/languages/de.json", without)
    page = visit.open("/", server.key)
    page.select_option("#language", "de")
    expect(page.locator("[data-t='drop.folder']")).to_have_text("Ordner wählen")
    expect(page.locator("[data-t='drop.files']")).to_have_text("Choose files")
    page.evaluate("import('./page/language.js').then(({ t }) => document.title = t('totals.saved'))")
    expect(page).to_have_title("saved")


def cut_off(page: Page) -> list[str]:
    """What can be pressed, and says more than there is room for."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("button, label, summary, .state")]
            .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1)
            .map((one) => `${one.className || one.id}: ${one.textContent.trim()}`)"""
    )
    return found


def run_together(page: Page) -> list[str]:
    """The words of rows that reach under the row's buttons."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(".file")].flatMap((row) => {
            const buttons = row.querySelector(".actions").getBoundingClientRect();
            const under = (part) => {
                const words = document.createRange();
                words.selectNodeContents(part);
                const at = words.getBoundingClientRect();
                return at.right > buttons.left + 1 && at.bottom > buttons.top + 1;
            };
            return [...row.querySelectorAll(".state, .detail")].filter(under).map((part) => part.textContent);
        })"""
    )
    return found


def outside(page: Page, selector: str) -> list[str]:
    """What reaches over the edge of a phone."""
    found: list[str] = page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)]
            .filter((one) => one.checkVisibility())
            .filter((one) => one.getBoundingClientRect().left < 0 || one.getBoundingClientRect().right > 390.5)
            .map((one) => one.textContent.trim())""",
        selector,
    )
    return found


def test_no_text_stands_in_the_styles_where_no_language_reaches_it() -> None:
    drawn = [word for path in PAGE.glob("*.css") for word in re.findall(r'content: "([^"]+)"', path.read_text())]
    assert [word for word in drawn if re.search("[a-z]", word)] == []


def test_the_keys_name_is_whole_on_a_phone_in_every_language(
    visitor_with: Callable[..., Visitor], server: Server
) -> None:
    page = visitor_with(**PHONE, locale="en").open("/account", server.key)
    name = page.locator("#key-button span")
    expect(page.locator("#key-name")).to_have_text(re.compile(r"\w"))
    expect(name).to_have_text(page.locator("#key-name").inner_text())
    for file in FILES:
        page.select_option("#language", file.stem)
        expect(page.locator("html")).to_have_attribute("lang", file.stem)
        expect(page.locator("nav [data-t='nav.compress']")).to_have_text(texts(file.stem)["nav.compress"])
        assert_fits(page)
        assert name.evaluate("one => one.scrollWidth - one.clientWidth") <= 1, file.stem
        expect(page.locator(".brand")).to_have_accessible_name("leanpix")


def test_the_button_for_a_key_is_not_cut_off_on_a_narrow_phone(visitor_with: Callable[..., Visitor]) -> None:
    page = visitor_with(**{**PHONE, "viewport": {"width": 360, "height": 740}}, locale="en").open("/")
    label = page.locator("#key-button span")
    for file in FILES:
        page.select_option("#language", file.stem)
        expect(label).to_have_text(texts(file.stem)["key.enter"])
        assert_fits(page)
        assert label.evaluate("one => one.scrollWidth - one.clientWidth") <= 1, file.stem


def test_what_is_told_of_a_picture_does_not_run_into_its_buttons(
    visitor_with: Callable[..., Visitor], server: Server, tmp_path: Path
) -> None:
    small = tmp_path / "already small.png"
    Image.new("1", (8, 8)).save(small, optimize=True)
    page = visitor_with(**{**PHONE, "viewport": {"width": 360, "height": 740}}, locale="en").open("/", server.key)
    pick(page, small)
    settled(page)
    for file in FILES:
        page.select_option("#language", file.stem)
        expect(page.locator("html")).to_have_attribute("lang", file.stem)
        expect(page.locator(".file .detail:not(:empty)").first).to_be_visible()
        assert run_together(page) == [], file.stem


def test_every_language_has_room_on_a_phone(
    visitor_with: Callable[..., Visitor], server: Server, tmp_path: Path
) -> None:
    broken = tmp_path / "a picture that is none.jpg"
    broken.write_text("these are no pixels")
    page = visitor_with(**PHONE, locale="en").open("/", server.key)
    pick(page, broken, *write_batch(tmp_path, 2))
    settled(page)
    for file in FILES:
        page.select_option("#language", file.stem)
        expect(page.locator("html")).to_have_attribute("lang", file.stem)
        expect(page.locator("h1")).to_have_text(texts(file.stem)["drop.title"])
        assert_fits(page)
        assert cut_off(page) == [], file.stem
        # Chinese and Japanese list things by a mark of their own.
        joint = "、" if file.stem in {"ja", "zh"} else ", "
        expect(page.locator("#total-files")).to_contain_text(joint)
        page.locator(".file[data-phase=done] [data-do=compare]").first.click()
        expect(page.locator("#worst")).to_be_visible()
        assert_fits(page)
        assert cut_off(page) == [], file.stem
        assert outside(page, "#comparison label, #comparison output") == [], file.stem
        page.keyboard.press("Escape")
