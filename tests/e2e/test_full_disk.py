"""A server whose disk fills up: it refuses, charges nothing, leaves nothing behind, and recovers by itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
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
        with running_server(place / "data", min_free_share="0.1") as server:
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
        filler.unlink()
        assert create(client).json()["data"]["state"] == 1
        assert client.get("/readyz").status_code == httpx.codes.OK
    books = books_of(server.data_dir, key_id_of(key), 10)
    assert books.are_right
    assert books.balance == 8


def fill(path: Path, left_bytes: int) -> None:
    """Fill the disk of this path up, all but so many bytes."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(64 * 1024)):
                pass
        except OSError:
            file.truncate(max(0, file.tell() - left_bytes))
