"""What people hand to the client, and what it refuses before anything is sent."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from PIL import Image
from tests.support.flaky import RESULT, Fault, Flaky, flaky_server

from leanpix.client import (
    AsyncClient,
    BusyError,
    Client,
    ClientError,
    KeyRefusedError,
    Outcome,
    RequestRefusedError,
    Retries,
    ServerFailedError,
    TaskFailedError,
    WaitedTooLongError,
)

QUICK = Retries(attempts=2, patience_s=1, first_s=0.01, most_s=0.02)
PICTURE = b"GIF89a and more"


@pytest.fixture
def flaky() -> Iterator[Flaky]:
    with flaky_server() as script:
        yield script


@pytest.fixture
def client(flaky: Flaky) -> Iterator[Client]:
    with httpx.Client(trust_env=False) as http, Client(flaky.base, "k", retries=QUICK, http=http) as made:
        yield made


@pytest.mark.parametrize("key", [" lp_abc ", "lp_abc\n", "\tlp_abc"])
def test_a_key_is_taken_without_white_space_around_it(flaky: Flaky, key: str) -> None:
    with httpx.Client(trust_env=False) as http:
        Client(flaky.base, key, http=http).compress(PICTURE)
    assert flaky.headers_of("create")[0]["x-api-key"] == "lp_abc"


@pytest.mark.parametrize("key", ["", "  ", "lp_secret\nX-Evil: 1", "lp secret", "lp_s\u00e9cret"])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_what_can_be_no_key_is_refused_without_being_repeated(kind: Any, key: str) -> None:
    with pytest.raises(ValueError, match="the key") as refused:
        kind("http://127.0.0.1:1", key)
    assert "secret" not in str(refused.value)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    "base", ["", "127.0.0.1:8000", "img.example.com", "ftp://a", "http://", "http://a:port", "//a"]
)
def test_what_is_no_address_fails_at_once(base: str) -> None:
    with pytest.raises(ValueError, match="http://"):
        Client(base, "k")


def test_errors_survive_being_pickled() -> None:
    for error in (
        RequestRefusedError(400, "quality=0"),
        KeyRefusedError(401, "no such key"),
        ServerFailedError(503, "away"),
        BusyError("later"),
        TaskFailedError("t", -7, "no picture"),
        WaitedTooLongError("t", 2.5),
    ):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_an_option_that_there_is_not_is_a_type_error_that_names_what_is_meant(client: Client, flaky: Flaky) -> None:
    options: dict[str, Any] = {"qualty": 80}
    with pytest.raises(TypeError, match="'quality'"):
        client.compress(PICTURE, **options)
    with pytest.raises(TypeError, match="'quality'"):
        client.compress_many([PICTURE], **options)
    assert flaky.asked == []


def test_open_files_buffers_and_pillows_images_are_sources(client: Client, flaky: Flaky, tmp_path: Path) -> None:
    (tmp_path / "hat.gif").write_bytes(PICTURE)
    with (tmp_path / "hat.gif").open("rb") as opened:
        client.compress(opened)
    client.compress(io.BytesIO(PICTURE))
    client.compress(memoryview(PICTURE))
    client.compress(Image.new("RGB", (4, 4), "red"))
    bodies = [body for kind, _, body in flaky.asked if kind == "create"]
    assert b'filename="hat.gif"' in bodies[0]
    assert all(PICTURE in body for body in bodies[:3])
    assert b"\x89PNG" in bodies[3]
    with (tmp_path / "hat.gif").open() as text, pytest.raises(TypeError, match="'rb'"):
        client.compress(text)  # type: ignore[call-overload] # what is tested
    with pytest.raises(TypeError, match="int is no picture"):
        client.compress(5)  # type: ignore[call-overload] # the same


def told(outcomes: list[Outcome]) -> list[str]:
    return [
        type(one.error).__name__ if one.error else str(one.result and one.result.data == RESULT) for one in outcomes
    ]


def test_many_pictures_with_one_call(client: Client, flaky: Flaky, tmp_path: Path) -> None:
    flaky.polls_under_way = 0
    seen: list[int] = []
    sources = [PICTURE] * 20 + [tmp_path / "none.jpg"] + [PICTURE] * 19
    outcomes = client.compress_many(sources, concurrency=6, on_progress=lambda done, _: seen.append(done), quality=70)
    assert told(outcomes) == ["True"] * 20 + ["FileNotFoundError"] + ["True"] * 19
    assert seen == list(range(1, 41))
    assert [one.source for one in outcomes] == sources


def test_many_pictures_awaited(flaky: Flaky, tmp_path: Path) -> None:
    flaky.polls_under_way = 0

    async def run() -> list[Outcome]:
        async with httpx.AsyncClient(trust_env=False) as http:
            client = AsyncClient(flaky.base, "k", retries=QUICK, http=http)
            return await client.compress_many([PICTURE, tmp_path / "none.jpg", PICTURE], concurrency=2)

    assert told(anyio.run(run)) == ["True", "FileNotFoundError", "True"]


def test_a_refused_key_ends_it_all(client: Client, flaky: Flaky) -> None:
    flaky.faults["create"] = [Fault(401)] * 50
    with pytest.raises(KeyRefusedError):
        client.compress_many([PICTURE] * 30)
    assert issubclass(KeyRefusedError, ClientError)
