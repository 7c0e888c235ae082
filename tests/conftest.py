"""Servers, and a browser, that several test folders share; each starts when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from tests.support.browser import NO_CHROMIUM, chromium_path
from tests.support.servers import Postgres, Seaweed
from tests.support.shown import Shown, showing

# How long an example takes says how busy the machine is. The same examples each time: a new one that fails is for who
# looks for it, by `make fuzz`.
settings.register_profile("random", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres().start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    server = Seaweed().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    """What a real browser shows of pictures."""
    path = chromium_path()
    if path is None:
        pytest.skip(NO_CHROMIUM)
    with showing(path) as page:
        yield page
