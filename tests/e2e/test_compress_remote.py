"""`leanpix compress --server` and the client against a real server."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from PIL import ExifTags, Image
from tests.support.batch import compress
from tests.support.pictures import encoded, gradient
from tests.support.server import Server

from leanpix.client import Client, RequestRefusedError, TaskFailedError


def test_a_batch_at_twice_the_keys_rate_is_slowed_down_and_not_failed(server: Server, tmp_path: Path) -> None:
    count, folder = 6, tmp_path / "shop"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.jpg").write_bytes(encoded(gradient(80 + number, 80)))
    key = server.new_key("slow", qps=1.5)
    words: list[str | Path] = [folder, "-o", tmp_path / "out", "--quality", "60", "--jobs", "4"]
    done = compress(tmp_path, *words, LEANPIX_SERVER=server.base, LEANPIX_KEY=key)
    assert (done.code, done.summary["compressed"]) == (0, count), done.errors
    assert len(list((tmp_path / "out").glob("*.jpg"))) == count
    again = compress(tmp_path, *words, LEANPIX_SERVER=server.base, LEANPIX_KEY="lp_wrong")
    assert (again.code, again.summary["done before"]) == (0, count)


def test_a_server_that_takes_no_picture_ends_the_batch_with_exit_code_3(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(gradient(64, 64)))
    refused = compress(tmp_path, tmp_path / "a.jpg", "--server", server.base, "--key", "lp_wrong")
    assert (refused.code, refused.rows) == (3, [])
    assert "401" in refused.errors
    dry = compress(tmp_path, tmp_path / "a.jpg", "--server", server.base, "--dry-run")
    assert dry.code == 2


def test_what_is_to_be_kept_is_kept_by_a_server_too(server: Server, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright], exif[ExifTags.Base.Model] = "A. Photographer", "Camera 1"
    (tmp_path / "a.jpg").write_bytes(encoded(gradient(200, 150), exif=exif))
    sent: list[str | Path] = [tmp_path / "a.jpg", "--server", server.base, "--key", server.key, "--quality", "60"]
    for number, (kept, found) in enumerate({"copyright": {"A. Photographer"}, "none": set(), "exif": None}.items()):
        out = tmp_path / f"out{number}"
        done = compress(tmp_path, *sent, "-o", out, "--keep", kept)
        assert done.code == 0, done.errors
        with Image.open(out / "a.jpg") as result:
            values = set(dict(result.getexif()).values())
        assert values == found if found is not None else values >= {"A. Photographer", "Camera 1"}


def test_the_client_says_what_the_server_measured(server: Server, tmp_path: Path) -> None:
    picture = encoded(gradient(120, 90))
    with httpx.Client(trust_env=False) as http, Client(server.base, server.key, http=http) as client:
        made = client.compress(picture, format="webp", width=60, target_score=80.0)
        assert made.format == "webp"
        assert made.report["result_bytes"] == len(made.data)
        assert (made.report["width_px"], made.report["height_px"], made.credits) == (60, 45, 1)
        assert made.save(tmp_path / "a.webp").read_bytes() == made.data
        with pytest.raises(TaskFailedError) as failed:
            client.compress(b"no picture")
        assert failed.value.state == -7
        with pytest.raises(RequestRefusedError, match="quality"):
            client.compress(picture, quality=101)


def test_a_server_that_is_not_there_ends_the_batch(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(gradient(64, 64)))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: refused
        base = f"http://127.0.0.1:{bound.getsockname()[1]}"
        done = compress(tmp_path, tmp_path / "a.jpg", "--server", base, "--key", "k")
    assert (done.code, "ConnectError" in done.errors) == (3, True)
