"""Results by their links: guarded against what a browser might make of them, and gone when their time is over."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, running_server

RETENTION_S = 4.0
JPG = encoded(gradient(64, 64))
# Of 64 to 256 KB, and so is its result.
NOISE = encoded(Image.effect_noise((500, 500), 100), quality=95)


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server that keeps results for seconds, and where it keeps them."""
    data = tmp_path_factory.mktemp("forgetful") / "data"
    with running_server(data, retention_s=str(RETENTION_S)) as server:
        yield server, data


def compressed(server: Server, picture: bytes = JPG, headers: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The id of a finished task, and its result's URL."""
    with server.client() as client:
        fields = {"sync": "1", "quality": "90"}
        answer = client.post(API, data=fields, files={"image_file": picture}, headers=headers).json()["data"]
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
    task_id, url = compressed(server, headers={"Idempotency-Key": "promised, and so in a file"})
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


@pytest.mark.parametrize("picture", [JPG, NOISE], ids=["small", "not quite small"])
def test_a_small_result_that_was_waited_for_lies_in_its_row_and_is_no_file(
    forgetful: tuple[Server, Path], picture: bytes
) -> None:
    server, data = forgetful
    task_id, url = compressed(server, picture)
    first, second = (httpx.get(url, trust_env=False) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.content == second.content, "read from memory once, and then from the row"
    assert (len(first.content) > 64 * 1024) == (picture is NOISE)
    assert [first.headers[name] == second.headers[name] for name in ("etag", "content-type")] == [True, True]
    assert not files_of(task_id, data)
    with closing(sqlite3.connect(data / "leanpix.db")) as database:
        rows = database.execute("SELECT result, result_in_row FROM tasks WHERE id = ?", (task_id,)).fetchall()
    assert rows == [(first.content, 1)]
    time.sleep(RETENTION_S)
    assert httpx.get(url, trust_env=False).status_code == 404


def test_without_room_in_rows_a_small_result_is_a_file(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", row_bytes="0", recent_result_bytes="0") as server:
        task_id, url = compressed(server)
        (file,) = files_of(task_id, server.data_dir / "files" / "results" / task_id)
        assert file.read_bytes() == httpx.get(url, trust_env=False).content


def test_a_result_is_read_in_parts_and_not_again_where_it_is_known(forgetful: tuple[Server, Path]) -> None:
    _, url = compressed(forgetful[0])
    with httpx.Client(trust_env=False) as client:
        whole = client.get(url)
        etag, size = whole.headers["etag"], len(whole.content)
        assert whole.headers["accept-ranges"] == "bytes"
        for asked, part in (
            ("bytes=2-9", slice(2, 10)),
            ("bytes=-5", slice(size - 5, size)),
            ("bytes=7-", slice(7, size)),
        ):
            found = client.get(url, headers={"Range": asked, "If-Range": etag})
            assert (found.status_code, found.content) == (206, whole.content[part])
            assert found.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/{size}"
        for ignored in (
            {"Range": "bytes=0-1,4-5"},
            {"Range": "bytes=2-9", "If-Range": '"other"'},
            {"Range": "lines=1-2"},
        ):
            found = client.get(url, headers=ignored)
            assert (found.status_code, found.content) == (200, whole.content)
        behind = client.get(url, headers={"Range": f"bytes={size}-"})
        assert (behind.status_code, behind.headers["content-range"]) == (416, f"bytes */{size}")
        for known in (etag, f'"other", W/{etag}', "*"):
            found = client.get(url, headers={"If-None-Match": known})
            assert (found.status_code, found.content, found.headers["etag"]) == (304, b"", etag)
        head = client.head(url, headers={"Range": "bytes=0-0"})
        assert (head.status_code, head.headers["content-length"], head.headers["etag"]) == (200, str(size), etag)


def test_no_copy_of_a_result_outlives_it(forgetful: tuple[Server, Path]) -> None:
    _, url = compressed(forgetful[0])
    control = httpx.get(url, trust_env=False).headers["cache-control"]
    found = re.search(r"max-age=([0-9]+)", control)
    assert found is not None
    assert int(found[1]) <= RETENTION_S


def test_another_origins_page_may_read_parts_and_reach_a_private_network(forgetful: tuple[Server, Path]) -> None:
    server, _ = forgetful
    origin = {"Origin": "https://shop.example"}
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"}
    preflight = httpx.options(f"{server.base}{API}", headers={**origin, **asks}, trust_env=False)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-private-network"] == "true"
    _, url = compressed(server)
    exposed = httpx.get(url, headers=origin, trust_env=False).headers["access-control-expose-headers"]
    assert {"ETag", "Content-Range", "Accept-Ranges"} <= set(exposed.split(", "))
