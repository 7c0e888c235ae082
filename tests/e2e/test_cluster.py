"""A cluster whose parts die, hang and come back: every accepted task ends once, is charged once, can be read."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.support.cluster import until
from tests.support.failures import (
    HELD_PICTURE,
    FarNetwork,
    assert_each_ended_once_and_was_charged_once,
    attempts,
    ended,
    far_network,
    under_load,
)
from tests.support.scene import Scene, one_host_scene, ready, two_host_scene
from tests.support.server import API, LEANPIX, clean_environment
from tests.support.servers import Postgres, Seaweed

CUT_S = 6  # the torture cuts for longer


@pytest.fixture(scope="module")
def scene(postgres: Postgres, seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with one_host_scene(postgres, seaweed, tmp_path_factory.mktemp("failures")) as scene:
        yield scene


def test_the_tasks_of_a_worker_that_is_killed_are_done_by_another(scene: Scene) -> None:
    tasks = scene.both_workers_busy()
    scene.workers.pop(0).kill()
    scene.gate.is_open.set()
    assert_each_ended_once_and_was_charged_once(scene.cluster, tasks)
    assert attempts(scene.cluster, tasks) == [1, 2]
    scene.workers.append(scene.cluster.worker())
    scene.cluster.wait()
    assert all(scene.caller.reads(api, task) for api in scene.apis for task in tasks)


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_and_takes_nothing_new(scene: Scene) -> None:
    tasks = scene.both_workers_busy()
    leaving = scene.workers.pop(0)
    leaving.process.terminate()
    tasks.append(scene.caller.accepted(scene.apis[0]))
    time.sleep(0.5)
    assert leaving.process.poll() is None
    scene.gate.is_open.set()
    assert leaving.process.wait(60) == 0
    assert_each_ended_once_and_was_charged_once(scene.cluster, tasks)
    assert attempts(scene.cluster, tasks) == [1, 1, 1]
    scene.workers.append(scene.cluster.worker())
    scene.cluster.wait()


def test_an_api_node_that_is_killed_mid_request_loses_no_accepted_task(scene: Scene) -> None:
    before = {row[0] for row in scene.cluster.rows("SELECT id FROM tasks")}
    scene.gate.is_open.clear()
    dying = scene.apis.pop(0)
    with ThreadPoolExecutor(1) as threads, socket.create_connection(("127.0.0.1", int(dying.base[-5:]))) as half:
        waiting = threads.submit(scene.caller.create, dying, HELD_PICTURE, sync=True)
        until(lambda: len(scene.gate.held) == 1)
        half.sendall(f"POST {API} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {scene.caller.key}\r\n".encode())
        half.sendall(b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9999\r\n\r\n--x\r\n")
        dying.kill()
        with pytest.raises(httpx.TransportError):
            waiting.result()
    scene.gate.is_open.set()
    tasks = [row[0] for row in scene.cluster.rows("SELECT id FROM tasks") if row[0] not in before]
    assert len(tasks) == 1
    assert_each_ended_once_and_was_charged_once(scene.cluster, tasks)
    assert scene.caller.reads(scene.apis[0], tasks[0])
    scene.apis.append(scene.cluster.api())
    scene.cluster.wait()


def test_a_waiting_request_is_answered_even_where_no_signal_of_the_end_arrives(scene: Scene) -> None:
    scene.gate.is_open.clear()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(scene.caller.create, scene.apis[0], HELD_PICTURE, sync=True)
        until(lambda: len(scene.gate.held) == 1)
        cancelled = "UPDATE tasks SET state = -13, owner = NULL, completed_at = %s WHERE owner IS NOT NULL RETURNING id"
        scene.cluster.rows(cancelled, time.time())
        begun = time.monotonic()
        data = waiting.result().json()["data"]
        assert time.monotonic() - begun < 5, "it polls once a second"
    scene.gate.is_open.set()
    assert data["state"] == -13


def assert_a_restart_loses_nothing(
    scene: Scene, stop: Callable[[], object], start: Callable[[], object], meanwhile: int
) -> None:
    with under_load(scene.caller, scene.apis) as load:
        until(lambda: len(load.accepted) > 5)
        stop()
        states = [ready(api) for api in scene.apis]
        time.sleep(1)
        start()
        before = len(load.accepted)
        until(lambda: len(load.accepted) > before + 10)
    assert states == [meanwhile, meanwhile]
    assert_each_ended_once_and_was_charged_once(scene.cluster, load.accepted)
    assert all(scene.caller.reads(scene.apis[0], task) for task in load.accepted[::10])
    assert [ready(api) for api in scene.apis] == [200, 200]
    assert all(node.process.poll() is None for node in scene.apis + scene.workers)


def test_a_restart_of_the_database_under_load_loses_nothing(scene: Scene, postgres: Postgres) -> None:
    assert_a_restart_loses_nothing(scene, lambda: postgres.stop("immediate"), postgres.start, meanwhile=503)


def test_a_restart_of_the_file_store_under_load_loses_nothing(scene: Scene, seaweed: Seaweed) -> None:
    assert_a_restart_loses_nothing(scene, seaweed.stop, seaweed.start, meanwhile=200)  # for queries


def test_no_delivery_is_left_over(scene: Scene) -> None:
    until(lambda: scene.cluster.rows("SELECT count(*) FROM procrastinate_jobs") == [(0,)])


@pytest.fixture(scope="module")
def far() -> Iterator[FarNetwork]:
    if os.getuid() != 0 or shutil.which("ip") is None:
        pytest.skip("another host is played by a network namespace: that takes root and iproute2")
    try:
        with far_network() as network:
            yield network
    except subprocess.CalledProcessError as failure:
        pytest.skip(f"network namespaces are not permitted here: {failure.stderr.decode().strip()}")


@pytest.fixture(scope="module")
def two_hosts(far: FarNetwork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with two_host_scene(far, tmp_path_factory.mktemp("two-hosts")) as scene:
        yield scene


def test_a_worker_that_is_cut_off_loses_its_task_to_another_and_comes_back(two_hosts: Scene, far: FarNetwork) -> None:
    scene = two_hosts
    tasks = scene.both_workers_busy()
    far.cut()
    cut_at = time.monotonic()
    scene.gate.is_open.set()
    assert_each_ended_once_and_was_charged_once(scene.cluster, tasks)
    assert attempts(scene.cluster, tasks) == [1, 2]
    time.sleep(max(0.0, CUT_S - (time.monotonic() - cut_at)))
    far.heal()
    scene.workers[0].kill()
    later = [scene.caller.accepted(scene.apis[0]) for _ in range(3)]
    until(lambda: ended(scene.cluster, later))
    assert_each_ended_once_and_was_charged_once(scene.cluster, tasks + later)
    assert all(scene.caller.reads(scene.apis[0], task) for task in tasks + later)


def refused(**settings: str) -> str:
    environment = clean_environment() | {f"LEANPIX_{name.upper()}": value for name, value in settings.items()}
    command = [str(LEANPIX), "serve", "--port", "0"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


def test_nodes_without_a_common_secret_do_not_start(postgres: Postgres) -> None:
    assert "LEANPIX_SECRET is missing" in refused(database_url=postgres.url("postgres"))


def test_a_database_that_was_not_migrated_is_refused_with_what_to_do(postgres: Postgres) -> None:
    message = refused(database_url=postgres.new_database(), secret="s" * 32)
    assert "run `leanpix migrate`" in message
