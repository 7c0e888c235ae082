"""Results by their links: guarded against what a browser might make of them, and gone when their time is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, running_server

RETENTION_S = 4.0
JPG = encoded(gradient(64, 64))


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server that keeps results for seconds, and where it keeps them."""
    data = tmp_path_factory.mktemp("forgetful") / "data"
    with running_server(data, retention_s=str(RETENTION_S)) as server:
        yield server, data


def compressed(server: Server) -> tuple[str, str]:
    """The id of a finished task, and its result's URL."""
    with server.client() as client:
        answer = client.post(API, data={"sync": "1"}, files={"image_file": JPG}).json()["data"]
    return answer["task_id"], answer["image"]


def files_of(task_id: str, data: Path) -> list[Path]:
    return [path for path in data.rglob("*") if task_id in str(path)]


def test_a_browser_can_make_nothing_of_a_result_but_a_picture(forgetful: tuple[Server, Path]) -> None:
    _, url = compressed(forgetful[0])
    headers = httpx.get(url, trust_env=False).headers
    assert headers["content-type"] == "image/jpeg"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["content-disposition"].endswith('.jpg"')


def test_a_result_is_gone_from_the_disk_and_its_task_is_404_when_its_time_is_over(
    forgetful: tuple[Server, Path],
) -> None:
    server, data = forgetful
    task_id, url = compressed(server)
    assert files_of(task_id, data)
    with server.client() as client:
        assert client.get(f"{API}/{task_id}").status_code == 200
        time.sleep(RETENTION_S)
        assert client.get(f"{API}/{task_id}").status_code == 404
    assert httpx.get(url, trust_env=False).status_code == 404
    give_up_at = time.monotonic() + 60
    while files_of(task_id, data) and time.monotonic() < give_up_at:
        time.sleep(0.2)
    assert not files_of(task_id, data)
