"""The batch command's report in a browser: on a desk and on a phone, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from tests.support.batch import compress
from tests.support.batches import write_batch


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a batch in which one picture fails."""
    root = tmp_path_factory.mktemp("report")
    (root / "shop").mkdir()
    write_batch(root / "shop", 6)
    (root / "shop" / "a file with a rather long name that nobody would type.jpg").write_bytes(b"broken")
    compress(root, root / "shop", "-o", root / "small", "--report", root / "report.html")
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
