"""Both clients against a server that answers 429 and 5xx, hangs up and cuts results short."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.flaky import RESULT, TASK, Fault, Flaky, flaky_server

from leanpix.client import (
    AsyncClient,
    BusyError,
    Client,
    ClientError,
    ConnectionLostError,
    DamagedResultError,
    KeyRefusedError,
    RequestRefusedError,
    Result,
    Retries,
    ServerFailedError,
    Source,
    TaskFailedError,
    UnexpectedAnswerError,
    WaitedTooLongError,
)
from leanpix.client.retries import retry_after_s

QUICK = Retries(attempts=3, patience_s=3, first_s=0.01, most_s=0.02)
PICTURE = b"GIF89a and more"

Compress = Callable[..., Result]


@pytest.fixture
def flaky() -> Iterator[Flaky]:
    with flaky_server() as script:
        yield script


@pytest.fixture(params=["blocking", "asyncio"])
def compress(flaky: Flaky, request: pytest.FixtureRequest) -> Compress:
    """compress() of either client."""

    def blocking(source: Source = PICTURE, *, timeout_s: float = 20, **options: int) -> Result:
        with httpx.Client(trust_env=False) as http, Client(flaky.base, "k", retries=QUICK, http=http) as client:
            return client.compress(source, timeout_s=timeout_s, quality=options.get("quality"))

    async def waiting(source: Source = PICTURE, *, timeout_s: float = 20, **options: int) -> Result:
        async with httpx.AsyncClient(trust_env=False) as http:
            client = AsyncClient(flaky.base, "k", retries=QUICK, http=http)
            return await client.compress(source, timeout_s=timeout_s, quality=options.get("quality"))

    if request.param == "blocking":
        return blocking
    return lambda *arguments, **options: asyncio.run(waiting(*arguments, **options))


def test_the_contract_alone_is_enough(flaky: Flaky, compress: Compress) -> None:
    result = compress(quality=40)
    assert (result.data, result.format, result.task_id) == (RESULT, "jpg", TASK)
    assert (result.credits, result.score, dict(result.report)) == (None, None, {})
    assert flaky.kinds() == ["create", "query", "query", "download"]
    sent = flaky.asked[0][2]
    assert b'name="quality"\r\n\r\n40' in sent
    assert PICTURE in sent


@pytest.mark.parametrize("kind", ["create", "query", "download"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, {"Retry-After": "0"}),
        Fault(503),
        Fault(500),
        Fault(0),
        Fault(200, cut=10),
        Fault(200, body=b'{"status": 429, "message": "slow down"}'),
    ],
    ids=["429", "503", "500", "hang up", "cut", "429 in the body"],
)
def test_faults_that_pass_are_not_seen(flaky: Flaky, compress: Compress, kind: str, fault: Fault) -> None:
    flaky.faults[kind] = [fault, fault]
    assert compress().data == RESULT
    assert flaky.kinds().count(kind) >= 3


def test_a_create_that_is_sent_again_carries_the_same_key_and_another_one_a_new_one(
    flaky: Flaky, compress: Compress
) -> None:
    flaky.faults["create"] = [Fault(0)]
    compress()
    flaky.polls_under_way = 0
    compress()
    first, second, other = [headers["idempotency-key"] for headers in flaky.headers_of("create")]
    assert first == second != other


def test_the_api_key_goes_to_the_service_and_not_to_where_results_lie(flaky: Flaky, compress: Compress) -> None:
    compress()
    assert {headers.get("x-api-key") for headers in flaky.headers_of("create") + flaky.headers_of("query")} == {"k"}
    assert [headers.get("x-api-key") for headers in flaky.headers_of("download")] == [None]


@pytest.mark.parametrize("damaged", [RESULT[:-2], b"<html>", b""], ids=["no end", "no picture", "empty"])
def test_a_damaged_result_is_downloaded_again_and_never_handed_out(
    flaky: Flaky, compress: Compress, damaged: bytes
) -> None:
    flaky.faults["download"] = [Fault(200, body=damaged)]
    assert compress().data == RESULT
    flaky.faults["download"] = [Fault(200, body=damaged)] * 3
    with pytest.raises(DamagedResultError):
        compress()


@pytest.mark.parametrize(
    ("status", "times", "error"),
    [
        (401, 1, KeyRefusedError),
        (400, 1, RequestRefusedError),
        (413, 1, RequestRefusedError),
        (502, 3, ServerFailedError),
    ],
)
def test_what_cannot_be_helped_is_told_after_as_many_tries_as_make_sense(
    flaky: Flaky, compress: Compress, status: int, times: int, error: type[ClientError]
) -> None:
    flaky.faults["create"] = [Fault(status)] * 9
    with pytest.raises(error) as caught:
        compress()
    assert str(caught.value) == f"{status}: HTTP {status}: try later"
    assert len(flaky.asked) == times


def test_a_busy_server_is_waited_for_within_the_patience(flaky: Flaky, compress: Compress) -> None:
    flaky.faults["create"] = [Fault(429, {"Retry-After": "0"})] * 20
    assert compress().data == RESULT
    flaky.faults["create"] = [Fault(429, {"Retry-After": "60"})]
    with pytest.raises(BusyError):
        compress()


def test_a_server_that_only_hangs_up_is_given_up(flaky: Flaky, compress: Compress) -> None:
    flaky.faults["create"] = [Fault(0)] * 9
    with pytest.raises(ConnectionLostError):
        compress()
    assert len(flaky.asked) == 3


def test_a_failed_task_says_its_state_and_why(flaky: Flaky, compress: Compress) -> None:
    flaky.state, flaky.message = -7, "Invalid image file"
    with pytest.raises(TaskFailedError, match="Invalid image file") as caught:
        compress()
    assert caught.value.state == -7


def test_a_task_that_takes_too_long_can_be_waited_for_again(flaky: Flaky) -> None:
    flaky.polls_under_way = 1_000
    with httpx.Client(trust_env=False) as http:
        client = Client(flaky.base, "k", http=http)
        with pytest.raises(WaitedTooLongError) as caught:
            client.compress(PICTURE, timeout_s=0.1)
        flaky.polls_under_way = 1
        task = client.task(caught.value.task_id)
        assert [task.progress().is_final, task.progress().is_final] == [False, True]
        assert task.result().data == RESULT


def test_a_handle_is_handed_out_at_once(flaky: Flaky) -> None:
    async def waiting() -> Result:
        async with httpx.AsyncClient(trust_env=False) as http, AsyncClient(flaky.base, "k", http=http) as client:
            task = await client.compress(PICTURE, wait=False)
            assert flaky.kinds() == ["create"]
            assert not (await task.progress()).is_final
            return await task.result()

    assert asyncio.run(waiting()).data == RESULT


def test_a_path_is_read_and_a_url_is_passed_on(flaky: Flaky, compress: Compress, tmp_path: Path) -> None:
    (tmp_path / "é.jpg").write_bytes(PICTURE)
    for source in (tmp_path / "é.jpg", str(tmp_path / "é.jpg"), "https://example.org/a.jpg"):
        compress(source)
    bodies = [body for kind, _, body in flaky.asked if kind == "create"]
    assert [PICTURE in body for body in bodies] == [True, True, False]
    assert b'name="image_url"\r\n\r\nhttps://example.org/a.jpg' in bodies[2]
    with pytest.raises(FileNotFoundError):
        compress(tmp_path / "none.jpg")


def test_an_answer_outside_the_contract_is_told_as_such(flaky: Flaky, compress: Compress) -> None:
    flaky.faults["create"] = [Fault(200, body=b"<html>hello</html>")]
    with pytest.raises(UnexpectedAnswerError):
        compress()


def test_retry_after_is_read_in_both_forms_and_nonsense_is_none() -> None:
    now_s = 784_111_770.0
    texts = ("7", "Sun, 06 Nov 1994 08:49:37 GMT", "soon", "-1", "")
    assert [retry_after_s({"retry-after": text}, now_s) for text in texts] == [7, 7, 0, 0, 0]


def test_importing_the_client_loads_nothing_else_of_leanpix() -> None:
    names = "[n for n in sys.modules if n.startswith('leanpix.') and not n.startswith('leanpix.client')]"
    heavy = "[n for n in ('numpy', 'pyvips', 'sqlalchemy', 'starlette', 'pydantic', 'typer') if n in sys.modules]"
    code = f"import sys, leanpix.client; print({names} + {heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
