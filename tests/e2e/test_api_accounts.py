"""Keys, rates and credits, through the command line and the API."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient
from tests.support.server import API, LEANPIX, Server, running_server, start_server

JPG = encoded(gradient(64, 64))


def keys(server: Server, *words: str) -> str:
    return server.cli("keys", *words)


def created(server: Server, *words: str) -> tuple[str, str]:
    shown = json.loads(keys(server, "create", "--name", "shop", "--json", *words))
    return shown["id"], shown["key"]


def credit_of(server: Server, key_id: str) -> int:
    rows = [json.loads(line) for line in keys(server, "list", "--json").splitlines()]
    return int(next(row["credits"] for row in rows if row["id"] == key_id))


def compress(server: Server, key: str, picture: bytes = JPG, **fields: str) -> httpx.Response:
    with server.client(key) as client:
        return client.post(API, data={"sync": "1", **fields}, files={"image_file": picture})


@pytest.mark.parametrize("key", ["", "nonsense", "lp_aaaa_bbbb", "lp_é_x"])
def test_a_wrong_key_is_401_before_anything_else_is_judged(server: Server, key: str) -> None:
    headers = [(b"X-API-KEY", key.encode())] if key else []
    with httpx.Client(trust_env=False) as client:
        create = client.post(server.base + API, data={"quality": "abc"}, headers=headers)
        query = client.get(f"{server.base}{API}/nothing", headers=headers)
    assert create.status_code == query.status_code == 401
    assert "X-API-KEY" in create.json()["message"]


def test_a_zero_byte_is_nothing_that_any_database_is_asked_for(server: Server) -> None:
    with server.client() as admin:
        for path in (f"{API}/a%00b", "/v1/batches/%00", "/v1/batches/%00/results.zip", "/results/%00.jpg"):
            assert admin.get(path).status_code == 404
        assert admin.post("/v1/keys/%00/revoke").status_code == 404
        assert admin.post("/v1/keys", content=b'{"name": "a\\u0000b\\ud800"}').status_code == 200


def test_a_revoked_key_is_refused_within_a_second(server: Server) -> None:
    key_id, key = created(server, "--qps", "50")
    assert compress(server, key).status_code == 200
    keys(server, "revoke", key_id)
    time.sleep(1)
    assert compress(server, key).status_code == 401


def test_the_rate_of_a_new_key_is_two_a_second_and_429_says_when_to_come_back(server: Server) -> None:
    _, key = created(server)
    with ThreadPoolExecutor(12) as threads:  # at once: on a busy machine one after another would be slow enough
        answers = list(threads.map(lambda _number: compress(server, key, b"rubbish"), range(12)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) >= 1
    assert "HTTP 429" in refused[0].json()["message"]
    time.sleep(int(refused[0].headers["retry-after"]))
    assert compress(server, key, b"rubbish").status_code == 200


def test_credits_are_one_to_4096_px_two_above_and_none_for_a_failure(server: Server) -> None:
    key_id, key = created(server, "--credits", "10", "--qps", "50")
    assert compress(server, key).json()["data"]["credits"] == 1
    assert credit_of(server, key_id) == 9
    large = encoded(Image.new("RGB", (4097, 8)), "PNG")
    assert compress(server, key, large).json()["data"]["credits"] == 2
    assert credit_of(server, key_id) == 7
    assert compress(server, key, JPG, width="5000", height="8").json()["data"]["credits"] == 2
    assert credit_of(server, key_id) == 5
    assert compress(server, key, b"rubbish").json()["data"]["state"] == -7
    assert credit_of(server, key_id) == 5


def test_a_key_without_credits_is_401_until_it_is_topped_up(server: Server) -> None:
    key_id, key = created(server, "--credits", "0", "--qps", "50")
    refused = compress(server, key)
    assert refused.status_code == 401
    assert "credits" in refused.json()["message"]
    keys(server, "topup", key_id, "1")
    assert compress(server, key).json()["data"]["state"] == 1
    assert compress(server, key).status_code == 401


def test_parallel_requests_never_spend_more_than_there_is(server: Server) -> None:
    key_id, key = created(server, "--credits", "10", "--qps", "1000")
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: compress(server, key), range(40)))
    done = [answer for answer in answers if answer.status_code == 200 and answer.json()["data"]["state"] == 1]
    assert len(done) == 10
    assert {answer.status_code for answer in answers} == {200, 401}
    assert credit_of(server, key_id) == 0


def test_another_keys_task_is_the_same_404_as_a_missing_one(server: Server) -> None:
    _, other = created(server, "--qps", "50")
    task_id = compress(server, server.key).json()["data"]["task_id"]
    with server.client(other) as client:
        foreign, missing = client.get(f"{API}/{task_id}"), client.get(f"{API}/{task_id[:-1]}0")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content


def test_the_queue_takes_so_many_tasks_of_a_key_and_of_all_and_refusals_cost_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    bounds = {"workers": "0", "queue_max_per_key": "3", "queue_max": "5"}
    with running_server(tmp_path_factory.mktemp("bounded") / "data", **bounds) as bounded:
        (first_id, first), (second_id, second) = (created(bounded, "--qps", "100", "--credits", "50") for _ in range(2))
        with ThreadPoolExecutor(8) as threads:
            of_first = list(threads.map(lambda _number: compress(bounded, first, sync="0"), range(8)))
            of_second = list(threads.map(lambda _number: compress(bounded, second, sync="0"), range(8)))
        credit = credit_of(bounded, first_id), credit_of(bounded, second_id)
    assert sorted(answer.status_code for answer in of_first) == [200] * 3 + [429] * 5
    assert sorted(answer.status_code for answer in of_second) == [200] * 2 + [429] * 6
    refused = [answer for answer in (*of_first, *of_second) if answer.status_code == 429]
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    for reason in ("this key has 3 tasks", "the queue is full"):
        assert any(reason in answer.text for answer in refused)
    assert credit == (47, 48)


def test_the_owners_key_is_shown_at_the_first_start_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    data_dir = tmp_path_factory.mktemp("owner") / "data"
    first = start_server(data_dir)
    assert first.terminate() == 0
    second = start_server(data_dir, key=first.key)
    try:
        assert first.key.startswith("lp_")
        assert "lp_" not in second.output.read_text()
        assert compress(second, first.key).json()["data"]["state"] == 1
    finally:
        second.kill()


def test_keys_can_be_made_before_the_first_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    data_dir = tmp_path_factory.mktemp("early") / "data"
    command = [str(LEANPIX), "keys", "create", "--name", "early", "--json", "--init", "--data-dir", str(data_dir)]
    key = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["key"]
    server = start_server(data_dir)
    try:
        assert server.key == ""
        assert compress(server, key).json()["data"]["state"] == 1
    finally:
        server.kill()


def test_the_code_tables_are_served_as_a_page_and_as_json(server: Server) -> None:
    page = httpx.get(f"{server.base}/states", trust_env=False)
    tables = httpx.get(f"{server.base}/states", headers={"Accept": "application/json"}, trust_env=False).json()
    assert "Invalid image file" in page.text
    assert {row["code"] for row in tables["http"]} == {200, 400, 401, 404, 413, 429, 500}
    assert {row["code"] for row in tables["tasks"]} == {*range(-17, 7)} - {-12, -6, -4}
    assert [row["code"] for row in tables["tasks"] if row["reserved"]] == [-17]
