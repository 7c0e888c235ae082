"""`leanpix compress --server` and the client against a real server."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from PIL import ExifTags, Image
from tests.support.batch import compress, environment
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX, Server

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


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ({}, "asks for an API key: set LEANPIX_KEY, or give --key"),
        ({"LEANPIX_KEY": "lp two"}, "LEANPIX_KEY, or --key: "),
    ],
)
@pytest.mark.parametrize("words", [("compress", "a.jpg"), ("compress", "-"), ("sync", "shop", "made"), ("mcp", ".")])
def test_without_a_key_each_command_says_so_in_one_line(
    tmp_path: Path, words: tuple[str, ...], key: dict[str, str], why: str
) -> None:
    (tmp_path / "shop").mkdir()
    for name in ("a.jpg", "shop/a.jpg"):
        (tmp_path / name).write_bytes(encoded(gradient(64, 64)))
    with (tmp_path / "a.jpg").open("rb") as picture:
        done = subprocess.run(
            [LEANPIX, *words, "--server", "http://127.0.0.1:9"],
            cwd=tmp_path, env=environment(tmp_path, **key), stdin=picture, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
    told = done.stderr.decode()
    assert done.returncode == 3, told
    assert why in told
    assert "Traceback" not in told


NO_PROXY_HERE = "http://127.0.0.1:1"


def test_a_server_on_this_machine_is_asked_without_a_proxy(server: Server, tmp_path: Path) -> None:
    """It would look for 127.0.0.1 on itself."""
    (tmp_path / "a.jpg").write_bytes(encoded(gradient(64, 64)))
    words: list[str | Path] = [tmp_path / "a.jpg", "--server", server.base, "--key", server.key]
    done = compress(tmp_path, *words, HTTP_PROXY=NO_PROXY_HERE, ALL_PROXY=NO_PROXY_HERE, NO_PROXY="", no_proxy="")
    assert done.code == 0, done.errors


def test_a_proxy_that_does_not_answer_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(gradient(64, 64)))
    words: list[str | Path] = [tmp_path / "a.jpg", "--server", "http://img.example:8000", "--key", "k"]
    proxy = "http://me:hunter2@127.0.0.1:1"
    done = compress(tmp_path, *words, HTTP_PROXY=proxy, http_proxy=proxy, NO_PROXY="", no_proxy="")
    assert done.code == 3
    assert "the server http://img.example:8000 by the proxy 127.0.0.1:1: ConnectError" in done.errors
    assert "hunter2" not in done.errors


@pytest.mark.parametrize("wrong", [{"ALL_PROXY": "ftp://127.0.0.1:1"}, {"SSL_CERT_FILE": "/no/such/file"}])
def test_an_environment_by_which_nothing_can_be_asked_is_one_line(tmp_path: Path, wrong: dict[str, str]) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(gradient(64, 64)))
    done = compress(tmp_path, tmp_path / "a.jpg", "--server", "https://img.example", "--key", "k", NO_PROXY="", **wrong)
    assert done.code == 3
    assert "ALL_PROXY) or certificates (SSL_CERT_FILE) no connection can be made: " in done.errors
    assert "Traceback" not in done.errors


def test_a_server_that_is_not_there_ends_the_batch(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(gradient(64, 64)))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: refused
        base = f"http://127.0.0.1:{bound.getsockname()[1]}"
        done = compress(tmp_path, tmp_path / "a.jpg", "--server", base, "--key", "k")
    assert (done.code, "ConnectError" in done.errors) == (3, True)
