"""Files: whole or not at all, gone when told, listed by age."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

import httpx
import pytest
from tests.simulation.blobs import ModelBlobs
from tests.support.cluster import until
from tests.support.server import free_port
from tests.support.servers import S3_KEYS, Seaweed

from leanpix.domain.errors import StoreUnavailableError
from leanpix.service.ports import Blobs
from leanpix.stores.files.blobs import LocalBlobs
from leanpix.stores.files.s3 import S3Blobs

CONTENT = bytes(range(256)) * 4096  # 1 MB


@pytest.fixture(params=["disk", "s3", "model"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    if request.param == "disk":
        return LocalBlobs(tmp_path / "files", 0)
    if request.param == "model":
        return ModelBlobs(time.time)
    store: Seaweed = request.getfixturevalue("seaweed")
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return S3Blobs(f"s3://pictures/{tmp_path.name}", patience_s=5)


def test_bytes_come_back_whole_and_in_chunks(blobs: Blobs) -> None:
    blobs.put("results/one/1.jpg", CONTENT)
    chunks = blobs.stream("results/one/1.jpg")
    assert chunks is not None
    assert blobs.get("results/one/1.jpg") == b"".join(chunks) == CONTENT


def test_a_file_is_stored_from_its_path(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(CONTENT)
    blobs.put("sources/one", tmp_path / "spool")
    assert blobs.get("sources/one") == CONTENT


def test_what_was_put_without_waiting_is_there_and_can_be_waited_for(blobs: Blobs) -> None:
    for number in range(20):
        blobs.put(f"sources/{number}", CONTENT, waits=False)
    blobs.flush()
    assert all(blobs.get(f"sources/{number}") == CONTENT for number in range(20))
    blobs.delete_all([f"sources/{number}" for number in range(20)])
    assert list(blobs.older_than(-60)) == []


def test_many_are_removed_with_all_that_lies_under_them(blobs: Blobs) -> None:
    for number in range(20):
        blobs.put(f"results/{number}/{number}-1.jpg", b"result")
    blobs.put("results/kept/1.jpg", b"result")
    blobs.delete_all([f"results/{number}" for number in range(25)])
    assert list(blobs.older_than(-60)) == ["results/kept/1.jpg"]


def test_storing_again_replaces(blobs: Blobs) -> None:
    blobs.put("results/one/1.jpg", b"first")
    blobs.put("results/one/1.jpg", b"second")
    assert blobs.get("results/one/1.jpg") == b"second"


def test_what_is_not_there_is_none(blobs: Blobs) -> None:
    assert blobs.get("results/none/1.jpg") is None
    assert blobs.stream("results/none/1.jpg") is None
    assert blobs.open("results/none/1.jpg") is None


def test_an_open_file_has_a_descriptor_and_stays_as_it_was(blobs: Blobs) -> None:
    blobs.put("sources/one", CONTENT)
    found = blobs.open("sources/one")
    assert found is not None
    with found:
        blobs.put("sources/one", b"another")
        assert os.pread(found.fileno(), len(CONTENT) + 1, 0) == CONTENT
        blobs.delete("sources/one")
        assert os.pread(found.fileno(), len(CONTENT) + 1, 0) == CONTENT


def test_a_view_of_memory_is_stored(blobs: Blobs) -> None:
    blobs.put("results/one/1.jpg", memoryview(CONTENT)[256:])
    assert blobs.get("results/one/1.jpg") == CONTENT[256:]


def test_deleting_takes_the_folder_or_the_key_and_nothing_beside_it(blobs: Blobs) -> None:
    keys = ["results/one/1.jpg", "results/one/2.jpg", "results/onemore/1.jpg", "sources/one"]
    for key in keys:
        blobs.put(key, b"content")
    blobs.delete_under("results/one")
    assert [blobs.get(key) for key in keys] == [None, None, b"content", b"content"]
    blobs.delete_under("sources/one")
    assert [blobs.get(key) for key in keys] == [None, None, b"content", None]


def test_deleting_what_is_not_there_is_no_error(blobs: Blobs) -> None:
    blobs.delete_under("results/never")
    blobs.delete_under("results/never")


def test_what_is_discarded_is_gone_within_seconds_and_at_the_latest_when_the_store_is_closed(blobs: Blobs) -> None:
    keys = [f"sources/{number}" for number in range(5)]
    for key in keys:
        blobs.put(key, b"content")
    for key in keys[:3]:
        blobs.discard(key)
    until(lambda: [blobs.get(key) for key in keys] == [None, None, None, b"content", b"content"], 5)
    blobs.discard(keys[3])
    blobs.close()
    assert [blobs.get(key) for key in keys[3:]] == [None, b"content"]


def test_a_store_that_is_away_does_not_keep_who_discards(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (S3_KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}).items():
        monkeypatch.setenv(name, value)
    failures: list[BaseException] = []
    blobs = S3Blobs("s3://pictures/away", patience_s=1, on_error=failures.append)
    begun = time.monotonic()
    blobs.discard("sources/one")
    assert time.monotonic() - begun < 0.3
    until(lambda: any(isinstance(failure, StoreUnavailableError) for failure in failures), 10)
    blobs.close()


def test_old_files_are_listed_by_their_keys(blobs: Blobs) -> None:
    blobs.put("results/one/1.jpg", b"content")
    blobs.put("sources/two", b"content")
    assert list(blobs.older_than(60)) == []
    time.sleep(1.1)  # stores keep whole seconds
    assert sorted(blobs.older_than(0)) == ["results/one/1.jpg", "sources/two"]


def test_a_presigned_url_is_read_by_get_alone_and_has_the_right_media_type(
    seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    place = f"s3://pictures/{tmp_path.name}"
    name = f"{uuid.uuid4()}-1.webp"
    S3Blobs(place).put(f"results/one/{name}", CONTENT)
    assert S3Blobs(place).presign(f"results/one/{name}", 60) is None, "it is off unless asked for"
    url = S3Blobs(place, presigns=True).presign(f"results/one/{name}", 60)
    assert url is not None
    assert url.partition("?")[0].endswith(name)
    got, head = (httpx.request(method, url, trust_env=False) for method in ("GET", "HEAD"))
    assert (got.content, got.headers["content-type"]) == (CONTENT, "image/webp")
    assert head.status_code == 403, "why result URLs lead to the API by default"


def test_a_store_that_is_there_says_so(blobs: Blobs) -> None:
    assert blobs.glance("nothing") is None
    blobs.put("installation", b"a marker")
    assert blobs.glance("installation") == b"a marker"
    assert blobs.has_room()
