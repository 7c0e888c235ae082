"""Pages on real screens: what does not fit, what axe's rules find, and the pictures of docs/."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
MOST_BYTES = 300_000
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


def violations(page: Page) -> list[str]:
    """What axe finds on a page as it is now."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def assert_fits(page: Page) -> None:
    """Nothing that can be pressed lies outside of a phone's 390 pixels."""
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    outside = [box for box in boxes(page, "button:visible, input:visible, select:visible") if box["x"] < 0]
    outside += [box for box in boxes(page, "button:visible, select:visible") if box["x"] + box["width"] > 390.5]
    assert outside == []


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    """Where the elements lie that take room."""
    found = [element.bounding_box() for element in page.locator(selector).all()]
    return [dict(box) for box in found if box is not None and box["width"] > 0]  # type: ignore[arg-type] # a TypedDict


def shoot(page: Page, name: str) -> None:
    """Take a picture for docs/ where LEANPIX_SCREENSHOTS=1 asks for them."""
    if os.environ.get("LEANPIX_SCREENSHOTS") != "1":
        return
    page.wait_for_timeout(400)  # what fades has faded
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = IMAGES / f"{name}.webp"
    picture.save(path, quality=88, method=6)
    assert path.stat().st_size < MOST_BYTES
