"""A Chromium for the page's tests; where there is none they are skipped, and that is said in capitals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser
from tests.support.browser import NO_CHROMIUM, Visitor, chromium_path, running_browser
from tests.support.server import Server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if chromium_path() is None:
        terminalreporter.write_sep("!", NO_CHROMIUM, red=True, bold=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip(NO_CHROMIUM)
    with running_browser(path) as started:
        yield started


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Visitor]:
    """Somebody at a desk; the test fails where the page broke its policy, reached outside or threw."""
    with browser.new_context(viewport={"width": 1280, "height": 860}) as context:
        visit = Visitor(context, server)
        yield visit
    assert visit.problems == []


@pytest.fixture
def visitor_with(browser: Browser, server: Server) -> Iterator[Callable[..., Visitor]]:
    """Visitors with other screens and preferences: Playwright's context options."""
    visits: list[Visitor] = []

    def make(**options: object) -> Visitor:
        visits.append(Visitor(browser.new_context(**options), server))  # type: ignore[arg-type] # Playwright's own
        return visits[-1]

    yield make
    for visit in visits:
        visit.context.close()
    assert [problem for visit in visits for problem in visit.problems] == []
