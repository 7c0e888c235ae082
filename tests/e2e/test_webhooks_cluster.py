"""Webhooks of a cluster whose processes are killed while messages are due, under way and just told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook
from tests.support.cluster import Cluster, Node, new_cluster, until
from tests.support.pictures import encoded, gradient
from tests.support.receiver import Message, Receiver, receiving
from tests.support.server import API, key_in
from tests.support.servers import Postgres, Seaweed

PICTURE = encoded(gradient(64, 64))
ROUNDS = 4
EACH = 6
# A try that was lost with its process is made again after twice the time that a receiver has.
PATIENT = {"fetch_timeout_s": "3", "webhook_senders": "4", "webhook_per_host": "4"}


@dataclass
class Hooks:
    """Two API nodes, two workers, a receiver that looks at the database when it is told, and what it saw there."""

    cluster: Cluster
    receiver: Receiver
    key: str
    apis: list[Node]
    workers: list[Node]
    early: list[str] = field(default_factory=list)

    def look(self, message: Message) -> None:
        task_id = json.loads(message.body)["data"]["task_id"]
        if self.cluster.rows("SELECT 1 FROM tasks WHERE id = %s AND completed_at IS NOT NULL", task_id) != [(1,)]:
            self.early.append(task_id)

    def ask(self, method: str, path: str, **given: object) -> dict[str, object]:
        headers = {"X-API-KEY": self.key}
        answer = httpx.request(
            method,
            self.apis[-1].base + path,
            headers=headers,
            timeout=60,
            trust_env=False,
            **given,  # type: ignore[arg-type] # as httpx takes it
        )
        assert answer.status_code == 200, answer.text
        data: dict[str, object] = answer.json()["data"]
        return data

    def created(self) -> str:
        data = {"callback_url": self.receiver.url()}
        return str(self.ask("POST", API, data=data, files={"image_file": PICTURE})["task_id"])

    def kill_half(self) -> None:
        """An API node and a worker, at once; others in their place."""
        dying = self.apis.pop(0), self.workers.pop(0)
        for node in dying:
            node.kill()
        self.apis.append(self.cluster.api())
        self.workers.append(self.cluster.worker())
        self.cluster.wait()

    def tries(self) -> dict[str, int]:
        """How many tries of each notice were recorded, once all are told."""
        until(lambda: self.cluster.rows("SELECT count(*) FROM notices WHERE state <> 'delivered'") == [(0,)])
        return {task: len(json.loads(tries)) for task, tries in self.cluster.rows("SELECT task_id, tries FROM notices")}


@pytest.fixture
def hooks(postgres: Postgres, seaweed: Seaweed, tmp_path: Path) -> Iterator[Hooks]:
    with receiving() as receiver:
        reach = {"fetch_allow_nets": "127.0.0.0/8", "fetch_ports": str(receiver.port)}
        with new_cluster(postgres, seaweed, tmp_path, **reach, **PATIENT) as cluster:
            cluster.cli("migrate")
            key = key_in(cluster.cli("keys", "create", "--name", "shop", "--qps", "1000"))
            apis, workers = [cluster.api(), cluster.api()], [cluster.worker(), cluster.worker()]
            cluster.wait()
            hooks = Hooks(cluster, receiver, key, apis, workers)
            receiver.look = hooks.look
            yield hooks


def test_kills_lose_no_message_and_none_comes_before_its_tasks_end(hooks: Hooks) -> None:
    receiver, told = hooks.receiver, set[str]()
    secret = str(hooks.ask("POST", "/v1/webhooks/secret")["secret"])
    receiver.statuses[:] = [500, 503]
    for number in range(ROUNDS):
        receiver.answers.clear()  # messages arrive, and their senders wait
        before = len(receiver.messages)
        told |= {hooks.created() for _ in range(EACH)}
        if number % 2:
            until(lambda before=before: len(receiver.messages) >= before + 2)  # type: ignore[misc] # bound early
        hooks.kill_half()
        receiver.answers.set()
    tries = hooks.tries()
    assert set(tries) == told
    assert len(told) == ROUNDS * EACH
    assert hooks.early == []
    ids = {(json.loads(message.body)["data"]["task_id"], message.id) for message in receiver.messages}
    assert ids == {(task, f"msg_{task}") for task in told}
    for task in told:
        assert len({message.body for message in receiver.of(task)}) == 1, "a repeat says something else"
        assert Webhook(secret).verify(receiver.of(task)[-1].body, receiver.of(task)[-1].headers)["data"]["state"] == 1
    assert any(len(receiver.of(task)) > tries[task] for task in told), "no kill came between a message and its record"
