"""Killed, stopped, restarted: every task that was answered with an id ends, and is charged at most once."""

from __future__ import annotations

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.support.cluster import until
from tests.support.crowd import Books, Crowd, books_of, charged_tasks, key_id_of, states_of
from tests.support.pictures import encoded, gradient
from tests.support.processes import decoders_of, zygotes_of
from tests.support.server import API, Server, running_server, start_server

CREDITS = 100_000
QUICK = {"heartbeat_s": "0.3", "stale_s": "1.2", "shutdown_grace_s": "3", "queue_max_per_key": "30"}
ENDED_BY_KILLS = {1, -9, -13, -15}


@pytest.fixture(scope="module")
def sources() -> list[bytes]:
    pictures = [encoded(gradient(side, side)) for side in (64, 300, 700)]
    return [*pictures, encoded(gradient(200, 200), "PNG")]


def kill_something(server: Server, what: str) -> bool:
    """Kill a process of this kind; whether the server itself is gone with it."""
    victims = {"server": [server.process.pid], "zygote": zygotes_of(server.process.pid)}
    pids = victims.get(what) or decoders_of(server.process.pid)
    for pid in pids[:1]:
        os.kill(pid, signal.SIGKILL)
    return what == "server"


def test_twenty_kills_lose_no_task_and_charge_none_twice(tmp_path: Path, sources: list[bytes]) -> None:
    chance = random.Random(20)  # noqa: S311 - a repeatable choice of moments
    server = start_server(tmp_path / "data", **QUICK)
    key = server.new_key(credits=CREDITS, qps=1000)
    crowd = Crowd(key, sources)
    try:
        crowd.start(server)
        for number in range(20):
            time.sleep(chance.uniform(0.1, 0.8))
            if kill_something(server, ("server", "decoder", "server", "zygote")[number % 4]):
                crowd.stop()
                server.process.wait()
                server = start_server(tmp_path / "data", key=server.key, **QUICK)
                crowd.start(server)
        crowd.stop()
        states = states_of(server, key, crowd.accepted, within_s=240)
    finally:
        crowd.stop()
        server.kill()
    assert len(crowd.accepted) > 20
    assert set(crowd.statuses) <= {200, 429}
    assert [task_id for task_id, state in states.items() if state is None] == []
    assert set(states.values()) <= ENDED_BY_KILLS
    books = books_of(tmp_path / "data", key_id_of(key), CREDITS)
    assert books.are_right, books
    # A task may have been kept and charged while the kill took its answer: the client does not know of it.
    charged = charged_tasks(tmp_path / "data")
    assert {task_id for task_id, state in states.items() if state == 1} == charged & set(states)


@pytest.mark.parametrize("number", range(3))
def test_a_server_told_to_stop_under_load_ends_in_time_and_its_tasks_end_after_the_restart(
    tmp_path: Path, sources: list[bytes], number: int
) -> None:
    server = start_server(tmp_path / "data", **QUICK)
    key = server.new_key(credits=CREDITS, qps=1000)
    crowd = Crowd(key, [*sources, encoded(gradient(3000, 2000))], seed=number)
    crowd.start(server)
    time.sleep(0.5 + number / 2)
    server.process.send_signal(signal.SIGTERM)
    try:
        code = server.process.wait(3 + 4)  # the grace, and what answering the interrupted waits takes
    finally:
        crowd.stop()
        if server.process.poll() is None:
            server.kill()
    assert code in {0, -signal.SIGTERM}
    assert zygotes_of(server.process.pid) == []
    with running_server(tmp_path / "data", **QUICK) as restarted:
        states = states_of(restarted, key, crowd.accepted, within_s=240)
    assert crowd.accepted
    assert set(states.values()) <= ENDED_BY_KILLS
    assert books_of(tmp_path / "data", key_id_of(key), CREDITS).are_right


def test_who_waits_for_a_task_is_answered_when_the_server_stops_and_the_task_is_not_lost(tmp_path: Path) -> None:
    slow = encoded(gradient(4000, 3000), "PNG")
    settings = QUICK | {"shutdown_grace_s": "0.5", "workers": "1"}
    with running_server(tmp_path / "data", **settings) as server, ThreadPoolExecutor(3) as waiting:

        def wait_for_result(_number: int) -> httpx.Response:
            with server.client() as client:
                return client.post(API, data={"sync": "1"}, files={"image_file": slow})

        answers = [waiting.submit(wait_for_result, number) for number in range(3)]
        time.sleep(1.5)
        server.process.send_signal(signal.SIGTERM)
        told = [answer.result().json() for answer in answers]
        server.process.wait(10)
    assert {(answer["status"], answer["data"]["state_detail"]) for answer in told} == {(200, "Processing")}
    task_ids = [answer["data"]["task_id"] for answer in told]
    with running_server(tmp_path / "data", key=server.key, **QUICK) as restarted:
        states = states_of(restarted, server.key, task_ids, within_s=240)
    assert set(states.values()) == {1}


def compressed(server: Server, key: str, source: bytes) -> httpx.Response:
    """The answer to a request that waits."""
    with server.client(key) as client:
        return client.post(API, data={"sync": "1"}, files={"image_file": source})


def test_who_is_not_answered_was_promised_nothing_and_is_charged_nothing(tmp_path: Path) -> None:
    data_dir, slow = tmp_path / "data", encoded(gradient(4000, 3000), "PNG")
    server = start_server(data_dir, **QUICK)
    key = server.new_key(credits=5, qps=1000)
    with ThreadPoolExecutor(1) as waiting:
        lost = waiting.submit(compressed, server, key, slow)
        until(lambda: books_of(data_dir, key_id_of(key), 5).open_holds == 1, 10)
        server.kill()
        with pytest.raises(httpx.TransportError):
            lost.result()
    with running_server(data_dir, key=server.key, **QUICK):
        until(lambda: books_of(data_dir, key_id_of(key), 5) == Books(5, 5, 0, 0, 0, 0), 15)


def test_what_was_answered_with_its_id_when_the_wait_was_over_outlives_the_server(tmp_path: Path) -> None:
    slow = encoded(gradient(2000, 1500), "PNG")
    server = start_server(tmp_path / "data", sync_wait_s="0.1", workers="1", spare_workers="0", **QUICK)
    with ThreadPoolExecutor(2) as waiting:  # one is worked on, and the other waits for it
        answers = list(waiting.map(compressed, [server] * 2, [server.key] * 2, [slow] * 2))
    server.kill()
    told = [answer.json()["data"] for answer in answers]
    assert {one["state_detail"] for one in told} == {"Processing"}
    with running_server(tmp_path / "data", key=server.key, **QUICK) as restarted:
        states = states_of(restarted, server.key, [one["task_id"] for one in told], within_s=240)
    assert set(states.values()) == {1}
