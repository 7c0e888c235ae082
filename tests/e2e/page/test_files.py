"""The page's own files: libraries as they were published, and every module announced in the page's head."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "src" / "leanpix" / "web" / "page"


def imported(module: str) -> set[str]:
    """Everything that a module imports, and what those import."""
    direct = set(re.findall(r'(?:from|import) "\./([^"]+)"', (PAGE / module).read_text()))
    return direct.union(*(imported(name) for name in direct)) if direct else direct


@pytest.mark.parametrize(("page", "module"), [("index.html", "main.js"), ("account.html", "account.js")])
def test_every_module_is_asked_for_at_once(page: str, module: str) -> None:
    announced = re.findall(r'rel="modulepreload" href="page/([^"]+)"', (PAGE / page).read_text())
    assert sorted(announced) == sorted(imported(module))


def test_pages_hold_no_script_no_style_and_no_address_of_another_server() -> None:
    for page in PAGE.glob("*.html"):
        text = page.read_text()
        assert not re.search(r"<style|<script>|\sstyle=|\son[a-z]+=", text)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


def test_every_library_has_its_licence_beside_it() -> None:
    libraries = [path.stem for path in (PAGE / "vendor").glob("*.js")]
    assert libraries
    for name in libraries:
        licence = (PAGE / "vendor" / f"{name}.LICENSE.txt").read_text()
        assert any(free in licence for free in ("MIT", "Apache License"))
