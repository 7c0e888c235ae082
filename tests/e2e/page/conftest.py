"""A Chromium for the page's tests; where there is none they are skipped, and that is said in capitals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.support.browser import NO_CHROMIUM, Visitor, chromium_path, running_browser
from tests.support.server import Server, free_port, running_server

_PATIENCE_MS = 20_000  # a claim that holds is seen at once; on a loaded machine at once takes a while


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if chromium_path() is None:
        terminalreporter.write_sep("!", NO_CHROMIUM, red=True, bold=True)


# Not for the session: while it lives, its event loop counts as running and no other test could have one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip(NO_CHROMIUM)
    expect.set_options(timeout=_PATIENCE_MS)
    with running_browser(path) as started:
        yield started


@pytest.fixture(scope="session")
def picture_port() -> int:
    """A port that the server may fetch pictures from."""
    return free_port()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, picture_port: int) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("pages") / "data"
    with running_server(data_dir, fetch_allow_nets="127.0.0.0/8", fetch_ports=f"80,443,{picture_port}") as started:
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
