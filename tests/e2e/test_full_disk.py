"""A server whose disk fills up: it refuses, charges nothing, leaves nothing behind, and recovers by itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.cluster import until
from tests.support.crowd import books_of, key_id_of
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, running_server

MB = 1024 * 1024


@pytest.fixture
def on_a_small_disk(tmp_path: Path) -> Iterator[Server]:
    """A server with 24 MB for its data, of which a tenth has to stay free."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], check=False).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        with running_server(place / "data", min_free_share="0.1", log_format="json") as server:
            yield server
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def create(client: httpx.Client) -> httpx.Response:
    return client.post(API, data={"sync": "1"}, files={"image_file": encoded(gradient(64, 64))})


@pytest.mark.parametrize("left_bytes", [MB, 0], ids=["under the free share", "full to the last byte"])
def test_a_full_disk_refuses_work_for_nothing_and_needs_no_restart(on_a_small_disk: Server, left_bytes: int) -> None:
    server = on_a_small_disk
    key = server.new_key(credits=10, qps=1000)
    filler = server.data_dir.parent / "filler"
    with server.client(key) as client:
        assert create(client).json()["data"]["state"] == 1
        fill(filler, left_bytes)
        before = sorted((server.data_dir / "files").rglob("*"))
        for _ in range(3):
            answer = create(client)
            assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS
            assert int(answer.headers["Retry-After"]) >= 1
        assert client.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert sorted((server.data_dir / "files").rglob("*")) == before
        refused_at = watched(server, "disk full: new work is refused")
        assert refused_at["kept_free_bytes"] == refused_at["total_bytes"] // 10
        assert refused_at["free_bytes"] < refused_at["kept_free_bytes"]
        assert figures(client)["leanpix_disk_free_bytes"] < figures(client)["leanpix_disk_kept_free_bytes"]
        filler.unlink()
        watched(server, "disk has room again")
        assert create(client).json()["data"]["state"] == 1
        assert client.get("/readyz").status_code == httpx.codes.OK
    books = books_of(server.data_dir, key_id_of(key), 10)
    assert books.are_right
    assert books.balance == 8


def watched(server: Server, event: str) -> dict[str, Any]:
    """The line of the log, once it is there."""
    until(lambda: event in server.output.read_text(), 10)
    found: dict[str, Any] = next(
        json.loads(line) for line in server.output.read_text().splitlines() if line.startswith("{") and event in line
    )
    return found


def figures(client: httpx.Client) -> dict[str, float]:
    lines = (line.split() for line in client.get("/metrics").text.splitlines() if line.startswith("leanpix_disk"))
    return {name: float(value) for name, value in lines}


def fill(path: Path, left_bytes: int) -> None:
    """Fill the disk of this path up, all but so many bytes."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(64 * 1024)):
                pass
        except OSError:
            file.truncate(max(0, file.tell() - left_bytes))
