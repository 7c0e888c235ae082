"""The batch command's report in a browser: on a desk and on a phone, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser
from tests.support.batch import compress
from tests.support.batches import textured
from tests.support.corpus import CORPUS
from tests.support.pictures import encoded
from tests.support.screens import shoot


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a batch in which one picture fails."""
    root = tmp_path_factory.mktemp("report")
    (root / "shop").mkdir()
    for number, name in enumerate(("parrots", "caps", "motocross", "door", "shutters", "lighthouse")):
        photo = CORPUS / f"a_Z_kodim{(23, 3, 5, 1, 7, 21)[number]:02}.png"
        picture = Image.open(photo).convert("RGB").resize((480, 320)) if photo.is_file() else textured(number, 480, 320)
        (root / "shop" / f"{name}.jpg").write_bytes(encoded(picture, quality=94))
    (root / "shop" / "a file with a rather long name that nobody would type.jpg").write_bytes(b"broken")
    words = ["--score", "60"]  # far enough that some place is the worst one
    compress(root, root / "shop", *words, "-o", root / "small", "--report", root / "report.html")
    return root / "report.html"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_it_fits_and_can_be_read_by_everybody(browser: Browser, report: Path, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type] # a Literal
    with context:
        page = context.new_page()
        page.goto(report.as_uri())
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.evaluate("() => [...document.images].every(image => image.complete && image.naturalWidth)")
        found = Axe().run(page).response["violations"]
        assert [f"{one['id']}: {node['failureSummary']}" for one in found for node in one["nodes"]] == []


def test_its_slider_table_and_search_work_from_the_file_alone(browser: Browser, report: Path) -> None:
    problems: list[str] = []
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.goto(report.as_uri())
        assert page.locator(".all tbody tr").first.get_attribute("class") == "failed"
        slider = page.locator(".compare input").first
        slider.focus()
        page.keyboard.press("Home")
        assert page.locator(".compare").first.evaluate("element => element.style.getPropertyValue('--at')") == "0%"
        page.get_by_role("button", name="Saved").click()
        saved = [float(text.strip("%")) for text in page.locator(".all .saved").all_text_contents() if text]
        assert saved == sorted(saved, reverse=True)
        page.fill("#search", "rather long")
        assert page.locator(".all tbody tr:visible").count() == 1
        page.fill("#search", "")
        page.evaluate("() => window.scrollTo(0, 0)")
        shoot(page, "report")
    assert problems == []
