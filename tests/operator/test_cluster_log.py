"""What an operator reads of a cluster: objects, line for line; an outage as such; who took over and who lost."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from tests.support.cluster import Node, until
from tests.support.failures import assert_each_ended_once_and_was_charged_once
from tests.support.scene import one_host_scene, ready
from tests.support.servers import Postgres, Seaweed

AWAY_S = 3.0


def lines(node: Node) -> list[dict[str, Any]]:
    """Every line that a node has written, on either output."""
    return [json.loads(line) for line in node.output.read_text().splitlines()]


def told(node: Node, event: str, **fields: object) -> list[dict[str, Any]]:
    return [line for line in lines(node) if line["event"] == event and fields.items() <= line.items()]


def test_outages_and_take_overs_are_told_once_and_every_line_is_an_object(
    postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    words = {"log_format": "json", "pairing_s": "0.5", "patience_s": "1", "no_such_setting": "1"}
    with one_host_scene(postgres, seaweed, tmp_path, **words) as scene:
        serves = told(scene.apis[0], "serves")
        assert [line["address"] for line in serves] == [scene.apis[0].base]
        assert told(scene.workers[0], "works on tasks", pictures_at_a_time=1)
        assert told(scene.workers[0], "no such setting")

        tasks = scene.both_workers_busy()
        scene.workers[0].kill()
        scene.gate.is_open.set()
        assert_each_ended_once_and_was_charged_once(scene.cluster, tasks)
        rest = [*scene.apis, scene.workers[1]]
        taken = [line for node in rest for line in told(node, "task taken over")]
        assert [line["attempt"] for line in taken] == [1]
        assert taken[0]["task_id"] in tasks

        servers: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
            ("database", lambda: postgres.stop("immediate"), postgres.start),
            ("files", seaweed.stop, seaweed.start),
        ]
        for part, stop, start in servers:
            stop()
            scene.caller.create(scene.apis[0])
            time.sleep(AWAY_S)
            start()
            for node in rest:
                until(lambda node=node, part=part: bool(told(node, "outage over", part=part)))  # type: ignore[misc] # bound early
                of_part = [line for line in lines(node) if line.get("part") == part]
                assert [line["event"] for line in of_part] == ["outage", "outage over"]
                assert of_part[0]["why"]
                assert of_part[1]["seconds"] >= 1
            until(lambda: ready(scene.apis[0]) == httpx.codes.OK)
        for node in rest:
            strange = [
                line for line in lines(node) if line["level"] in {"error", "critical"} and line["event"] != "outage"
            ]
            assert strange == [], "a traceback for what was away"


def test_a_worker_that_was_taken_for_dead_tells_that_its_fence_is_lost(
    postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    with one_host_scene(postgres, seaweed, tmp_path, log_format="json") as scene:
        tasks = scene.both_workers_busy()
        frozen, rest = scene.workers[0], [*scene.apis, scene.workers[1]]
        os.killpg(frozen.process.pid, signal.SIGSTOP)
        try:
            until(lambda: any(told(node, "task taken over") for node in rest))
            scene.gate.is_open.set()
            assert_each_ended_once_and_was_charged_once(scene.cluster, tasks)
        finally:
            os.killpg(frozen.process.pid, signal.SIGCONT)
        until(lambda: bool(told(frozen, "fence lost")))
        lost = told(frozen, "fence lost")
        assert [(line["attempt"], line["level"]) for line in lost] == [(1, "info")]
        assert lost[0]["task_id"] in tasks
        assert not [line for node in rest for line in told(node, "fence lost")]
