"""Batches over HTTP: URLs or a ZIP in, one status, one ZIP out; nothing lost to a kill."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import ExifTags, Image
from tests.support.accounts import key_for
from tests.support.batches import unzipped
from tests.support.cluster import until
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, start_server

PICTURE = encoded(gradient(64, 64))


def zipped(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def sent(client: httpx.Client, entries: dict[str, bytes], **fields: str) -> str:
    answer = client.post("/v1/batches", data=fields, files={"archive": ("any.zip", zipped(entries))})
    assert answer.status_code == 200, answer.text
    batch_id: str = answer.json()["data"]["batch_id"]
    return batch_id


def status(client: httpx.Client, batch_id: str, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/batches/{batch_id}", params=query).json()["data"]
    return found


def complete(client: httpx.Client, batch_id: str) -> dict[str, Any]:
    until(lambda: status(client, batch_id)["state"] == "complete")
    return status(client, batch_id)


def results(client: httpx.Client, batch_id: str) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """The pictures by name, and the manifest's lines."""
    files = unzipped(client.get(f"/v1/batches/{batch_id}/results.zip").content)
    manifest = json.loads(files.pop("manifest.json"))
    return files, manifest["items"]


def test_a_zip_comes_back_as_a_zip_with_names_of_its_own_and_a_word_on_each_failure(server: Server) -> None:
    entries = {"shop/a.jpg": PICTURE, "shop/a.png": encoded(gradient(50, 40), "PNG"), "broken.jpg": b"no picture"}
    with server.client(key_for(server, credits=10, qps=100)) as client:
        batch_id = sent(client, entries, format="webp", width="32")
        found = complete(client, batch_id)
        files, manifest = results(client, batch_id)
        assert client.get("/v1/account").json()["data"]["credits"] == 8
        image = client.get(found["items"][0]["image"]).content
        task = client.get(f"{API}/{found['items'][0]['task_id']}").json()["data"]
    assert found["counts"] == {"total": 3, "waiting": 0, "processing": 0, "succeeded": 2, "failed": 1}
    assert (found["failures"], found["progress"]) == ({"-7": 1}, 100)
    assert set(files) == {"shop/a.jpg.webp", "shop/a.png.webp"}
    assert files["shop/a.jpg.webp"] == image
    assert [line["file"] for line in manifest] == ["shop/a.jpg.webp", "shop/a.png.webp", None]
    assert manifest[2]["state"] == -7
    assert "Invalid image" in manifest[2]["message"]
    assert (task["state"], task["report"]["width_px"]) == (1, 32)


def test_what_is_to_be_kept_stays_with_every_picture_of_a_batch(server: Server) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright], exif[ExifTags.Base.Model] = "A. Photographer", "Camera 1"
    entries = {f"{side}.jpg": encoded(gradient(side, side), exif=exif) for side in (64, 80)}
    with server.client(key_for(server, credits=10, qps=100)) as client:
        batch_id = sent(client, entries, keep="copyright", format="webp")
        complete(client, batch_id)
        files, manifest = results(client, batch_id)
    assert len(files) == len(manifest) == 2
    for content in files.values():
        with Image.open(io.BytesIO(content)) as result:
            assert set(dict(result.getexif()).values()) == {"A. Photographer"}


def test_urls_make_a_batch_and_are_shown_to_nobody(server: Server) -> None:
    with server.client(key_for(server, qps=100)) as client:
        made = client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}).json()["data"]["image"]
        urls = [made, "http://10.0.0.1/secret-token/x.jpg?token=hidden", made]
        answer = client.post("/v1/batches", json={"image_urls": urls, "quality": 60})
        again = client.post("/v1/batches", json={"image_urls": urls, "quality": 60}, headers={"Idempotency-Key": "a"})
        replayed = client.post(
            "/v1/batches", json={"image_urls": urls, "quality": 60}, headers={"Idempotency-Key": "a"}
        )
        found = complete(client, answer.json()["data"]["batch_id"])
        files, _ = results(client, found["batch_id"])
    assert [item["state"] for item in found["items"]] == [1, -3, 1]
    assert len(files) == 2
    assert "hidden" not in json.dumps(found)
    assert again.json() == replayed.json() != answer.json()


def test_items_are_read_from_an_offset_by_their_own_key_only(server: Server) -> None:
    with server.client(key_for(server, qps=100)) as client:
        batch_id = sent(client, {f"{number}.jpg": b"none" for number in range(5)})
        rest = status(client, batch_id, offset="3")
        assert [item["number"] for item in rest["items"]] == [3, 4]
        assert rest["next_offset"] is None
        assert client.get(f"/v1/batches/{batch_id}?offset=x").status_code == 400
        assert client.get("/v1/batches/nothing").status_code == 404
    with server.client(key_for(server, "other")) as other:
        assert other.get(f"/v1/batches/{batch_id}").status_code == 404
        assert other.get(f"/v1/batches/{batch_id}/results.zip").status_code == 404


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"json": {}}, "image_urls and archive: neither"),
        ({"json": {"image_urls": ["http://a.example/x.jpg"] * 1001}}, "at most 1000"),
        ({"json": {"image_urls": ["http://a.example/" + "x" * 9000]}}, "image_urls="),
        ({"json": {"image_urls": ["http://a.example/x.jpg"], "quality": 0}}, "quality="),
        ({"json": {"image_urls": ["http://a.example/x.jpg"], "format": "png", "kbyte": 10}}, "kbyte="),
        ({"json": {"image_urls": [{"url": 1}]}}, "list of URLs"),
        ({"json": {"image_urls": "http://a.example/x.jpg"}}, "list of URLs"),
        ({"json": {"image_urls": []}}, "neither was sent"),
        ({"json": {"image_urls": ["http://a.example/x.jpg"], "callback_url": "http://10.0.0.1/"}}, "callback_url="),
        ({"files": {"archive": b"no archive"}}, "not a ZIP"),
    ],
)
def test_a_wrong_batch_is_refused_with_what_is_wrong(server: Server, request_: dict[str, Any], words: str) -> None:
    with server.client(key_for(server, qps=100)) as client:
        refused = client.post("/v1/batches", **request_)
    assert refused.status_code == 400
    assert words in refused.json()["message"]


def test_odd_names_in_an_archive_are_told_when_it_is_accepted(server: Server) -> None:
    with server.client(key_for(server, qps=100)) as client:
        files = {"archive": zipped({"../a.jpg": PICTURE, "b.jpg": PICTURE})}
        accepted = client.post("/v1/batches", files=files).json()["data"]
        assert accepted["renamed"] == {"a.jpg": "../a.jpg"}
        items = client.get(f"/v1/batches/{accepted['batch_id']}").json()["data"]["items"]
    assert [item["name"] for item in items] == ["a.jpg", "b.jpg"]


def test_a_batch_larger_than_the_queue_survives_kills_and_charges_each_picture_once(tmp_path: Path) -> None:
    settings = {"queue_max_per_key": "24", "queue_max": "30", "heartbeat_s": "0.3", "stale_s": "1.2"}
    server = start_server(tmp_path / "data", **settings)
    try:
        key = key_for(server, credits=100, qps=100)
        with server.client(key) as client:
            batch_id = sent(client, {f"{number}.jpg": PICTURE for number in range(40)}, quality="50")
            until(lambda: status(client, batch_id)["counts"]["succeeded"] >= 4)
            single = client.post(API, data={"sync": "1"}, files={"image_file": PICTURE})
            assert single.json()["data"]["state"] == 1
        server.kill()
        server = start_server(tmp_path / "data", key=server.key, **settings)
        with server.client(key) as client:
            found = complete(client, batch_id)
            files, _ = results(client, batch_id)
            assert found["counts"]["succeeded"] == len(files) == 40
            assert client.get("/v1/account").json()["data"]["credits"] == 100 - 41
    finally:
        server.kill()
