"""Twenty secrets, sent in every place where a client or an operator may put one, and then looked for everywhere."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.support.crowd import states_of
from tests.support.pictures import encoded, gradient
from tests.support.raw import connected, post_head
from tests.support.server import API, Server, running_server

PICTURE = encoded(gradient(64, 64))


@dataclass
class Planted:
    """The secrets by where they were put, and every answer that came back."""

    values: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)

    def new(self, place: str) -> str:
        self.values[place] = f"planted{secrets.token_hex(12)}"
        return self.values[place]

    def keep(self, answer: httpx.Response) -> httpx.Response:
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.answers.append(f"{answer.status_code}\n{head}\n{answer.text}")
        return answer


def plant_in_headers(client: httpx.Client, planted: Planted) -> None:
    for name in ("Authorization", "Cookie", "Proxy-Authorization", "X-Forwarded-For", "User-Agent", "Referer"):
        headers = {name: f"Bearer {planted.new(name)}"}
        planted.keep(client.post(API, files={"image_file": PICTURE}, headers=headers))
    for place in ("an unknown key's id", "an unknown key's secret"):
        value = planted.new(place)
        wrong = f"lp_{value}_x" if place.endswith("id") else f"lp_{client.headers['X-API-KEY'].split('_')[1]}_{value}"
        planted.keep(client.post(API, files={"image_file": PICTURE}, headers={"X-API-KEY": wrong}))
    planted.keep(client.get("/healthz", headers={"X-API-KEY": planted.new("a key that is none")}))


def plant_in_urls(client: httpx.Client, planted: Planted) -> list[str]:
    """Tasks whose source is an address with a secret in it."""
    urls = [
        f"http://{planted.new('user')}:{planted.new('password')}@198.51.100.1/a.jpg",
        f"http://127.0.0.1:9/a.jpg?token={planted.new('query of an unreachable address')}",
        f"http://10.0.0.1/{planted.new('path of a refused address')}.jpg#{planted.new('fragment')}",
        f"http://{planted.new('name without an address')}.invalid/a.jpg",
    ]
    answers = [planted.keep(client.post(API, data={"image_url": url, "sync": "1"})) for url in urls]
    return [answer.json()["data"]["task_id"] for answer in answers if "data" in answer.json()]


def plant_in_bodies(client: httpx.Client, planted: Planted) -> None:
    named = {"image_file": (planted.new("file name"), PICTURE, f"image/{planted.new('part type')}")}
    planted.keep(client.post(API, data={"sync": "1", "unknown": planted.new("unknown field")}, files=named))
    planted.keep(client.post(f"{API}?note={planted.new('query')}", data={"sync": "1"}, files={"image_file": PICTURE}))
    damaged = PICTURE[:200] + planted.new("a damaged picture").encode() + PICTURE[260:]
    planted.keep(client.post(API, data={"sync": "1"}, files={"image_file": damaged}))
    broken = f'{{"image_url": "{planted.new("broken JSON")}'
    planted.keep(client.post(API, content=broken, headers={"Content-Type": "application/json"}))


def plant_in_broken_requests(server: Server, planted: Planted) -> None:
    for start in (b"POST /%s HTTP/9.9\r\n\r\n" % planted.new("malformed request").encode(), b"\0\1\2"):
        with connected(server) as connection:
            connection.sendall(start)
            planted.answers.append(connection.recv(65536).decode())
    with connected(server) as connection:  # hangs up in the middle
        connection.sendall(post_head(server, "Content-Length: 999") + planted.new("half a body").encode())


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Planted]]:
    """A server after all of that, told to log everything."""
    planted = Planted()
    settings = {"secret": planted.new("pepper") * 2, "log_level": "debug", "fetch_ports": "80,443,9"}
    with running_server(tmp_path_factory.mktemp("secrets") / "data", **settings) as server:
        with server.client() as client:
            plant_in_headers(client, planted)
            task_ids = plant_in_urls(client, planted)
            plant_in_bodies(client, planted)
            plant_in_broken_requests(server, planted)
            states_of(server, server.key, task_ids, within_s=60)
            planted.values["the owner's key"] = server.key.split("_")[2]
            planted.values["another key"] = server.new_key("another").split("_")[2]
        time.sleep(0.5)
        yield server, planted


def test_at_least_twenty_secrets_were_planted(used: tuple[Server, Planted]) -> None:
    _, planted = used
    assert len(planted.values) >= 20
    assert {answer[:3] for answer in planted.answers} >= {"200", "400", "401"}


def test_no_answer_repeats_a_secret(used: tuple[Server, Planted]) -> None:
    _, planted = used
    assert [place for place, value in planted.values.items() if any(value in text for text in planted.answers)] == []


def test_the_log_holds_no_secret(used: tuple[Server, Planted]) -> None:
    server, planted = used
    log = server.output.read_text()
    assert {place for place, value in planted.values.items() if value in log} == set()


def test_no_file_holds_a_secret(used: tuple[Server, Planted]) -> None:
    server, planted = used
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert any(path.name == "leanpix.db" for path in files)
    first_key = server.data_dir / "owner-key"  # for the owner, who was not at a terminal
    assert first_key.stat().st_mode & 0o777 == 0o600
    files.remove(first_key)
    found = [
        (place, path.name)
        for path in files
        for place, value in planted.values.items()
        if value.encode() in path.read_bytes()
    ]
    assert found == []


def test_no_process_shows_a_secret_in_its_command_line(used: tuple[Server, Planted]) -> None:
    _, planted = used
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    shown = [place for place, value in planted.values.items() if any(value.encode() in words for words in commands)]
    assert shown == []
