"""The page's languages: files that are whole, and a page that says what they say."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

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
