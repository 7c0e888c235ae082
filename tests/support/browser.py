"""A real Chromium, driven by Playwright, that notices what a page must not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright
from tests.support.server import Server

NAMES = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = "NO CHROMIUM FOUND: the web pages are NOT tested here (apt-get install chromium)"
_FLAGS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_ANSWER_CODE = "Failed to load resource"  # how Chromium logs any 4xx answer: not a defect by itself


def chromium_path() -> str | None:
    """Where a Chromium is installed, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def running_browser(path: str) -> Iterator[Browser]:
    """A headless browser that is gone when the block ends."""
    flags = [*_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else _FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """One person's browser: a fresh context on one server, and what went wrong in it."""

    context: BrowserContext
    server: Server
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("request", self._requested)
        self.context.on("console", self._logged)
        self.context.on("weberror", lambda error: self.problems.append(str(error.error)))

    def hide_formats(self, *names: str) -> None:
        """Answer as an installation does that cannot read these; asked of the server now, not while a page waits."""
        with self.server.client() as client:
            answer = client.get("/v1/formats").json()
        answer["data"]["read"] = [name for name in answer["data"]["read"] if name not in names]
        self.context.route("**/v1/formats", lambda route: route.fulfill(json=answer))

    def open(self, path: str = "/", key: str | None = None) -> Page:
        """Open a page; with a key, as somebody who has entered it before."""
        page = self.context.new_page()
        if key is not None:
            page.add_init_script(f"localStorage.setItem('leanpix.key', '{key}')")
        page.goto(self.server.base + path)
        if key is not None:
            expect(page.locator("#key-button")).to_have_attribute("data-state", "known")
        return page

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.server.base + "/", "blob:", "data:")):
            self.problems.append(f"an external request: {request.url}")

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_ANSWER_CODE):
            self.problems.append(f"console: {message.text}")
