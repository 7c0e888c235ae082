"""One server that every end-to-end test without special settings shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.server import Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server") / "data", fetch_allow_nets="127.0.0.0/8") as started:
        yield started
