"""The documentation site builds, every link and picture in it is there, and no page loads anything from elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
ZENSICAL = Path(sys.executable).with_name("zensical")
_LOADING = {"script", "link", "img", "iframe", "source", "video", "audio"}


class _Page(HTMLParser):
    """The addresses that a page names: what it loads by itself, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := found.get(name))}
        address = found.get("src") or found.get("href")
        if address:
            (self.loads if tag in _LOADING else self.links).append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    (place / "zensical.toml").write_text((ROOT / "zensical.toml").read_text())
    subprocess.run([sys.executable, ROOT / "scripts" / "site_pages.py", place / "build" / "pages"], check=True)
    built = subprocess.run([ZENSICAL, "build", "--strict"], cwd=place, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return place / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, _Page]:
    files = [file for file in site.rglob("*.html") if file.name != "404.html"]
    return {file.resolve(): _Page(file.read_text()) for file in files}


def test_every_written_page_is_in_the_site(site: Path, pages: dict[Path, _Page]) -> None:
    written = [*ROOT.glob("docs/**/*.md"), ROOT / "bench" / "results.md", ROOT / "deploy" / "README.md"]
    names = {page.relative_to(site.resolve()).as_posix() for page in pages}
    expected = {str(p.relative_to(ROOT).with_suffix(".html")).replace("README", "index") for p in written}
    assert expected <= names


def test_every_page_but_a_decision_is_in_the_navigation(site: Path) -> None:
    shown = _Page((site / "index.html").read_text())
    written = {f"docs/{page.stem}.html" for page in ROOT.glob("docs/*.md")}
    assert written <= {link.removeprefix("./") for link in shown.links}


def test_every_link_and_picture_leads_somewhere(pages: dict[Path, _Page]) -> None:
    assert not [f"{page.name}: {address}" for page in pages for address in _dead(page, pages)]


def test_no_page_loads_anything_from_elsewhere(pages: dict[Path, _Page]) -> None:
    outside = {address for page in pages.values() for address in page.loads if urlsplit(address).netloc}
    assert not outside


def _dead(file: Path, pages: dict[Path, _Page]) -> Iterator[str]:
    for address in pages[file].links + pages[file].loads:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
        if target.is_dir():
            target /= "index.html"
        fragment = parts.fragment
        if not target.is_file() or (fragment and target in pages and fragment not in pages[target].anchors):
            yield address
