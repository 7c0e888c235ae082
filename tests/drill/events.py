"""What happens to the cluster, one after the other. Each gives the moment from which it is to be whole again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tests.drill.installation import Installation
from tests.support.cluster import Node, until

RESTART_S = 5.0  # as the units of deploy/systemd have it
OUTAGE_S = 10.0
FROZEN_S = 15.0
CAUGHT_S = 120.0
SETTLED_S = 0.3
SEEN_S = 5.0  # docs/operate-cluster.md, minReadySeconds of deploy/kubernetes


@dataclass(frozen=True, slots=True)
class Done:
    """An event that is over. since: when the cluster was given back all that it needs; others: nodes only of it."""

    since: float
    others: tuple[Node, ...] = ()


Happens = Callable[[Installation], Done]


def _stopped_at_work(to: Installation, name: str) -> int:
    """Stop a worker that has a task in hand, so that it has it still; its process group.

    A small picture is done in milliseconds: a look at the rows finds one, and it may have ended before the signal came.
    """
    group, deadline = to.nodes[name].process.pid, time.monotonic() + CAUGHT_S
    while time.monotonic() < deadline:
        if to.has_in_hand(name):
            os.killpg(group, signal.SIGSTOP)
            time.sleep(SETTLED_S)  # what it had sent before is done by then
            if to.has_in_hand(name):
                return group
            os.killpg(group, signal.SIGCONT)
    raise AssertionError(f"{name} was never caught with a task in hand")


def _killed(name: str, *, at_work: bool = False) -> Happens:
    def happen(to: Installation) -> Done:
        if at_work:
            _stopped_at_work(to, name)
        to.nodes[name].kill()
        since = time.monotonic()
        time.sleep(RESTART_S)
        to.start(name)
        return Done(since)

    return happen


def _frozen(name: str, *, at_work: bool = False) -> Happens:
    """A machine that hangs: it holds its connections, and says nothing."""

    def happen(to: Installation) -> Done:
        group = _stopped_at_work(to, name) if at_work else to.nodes[name].process.pid
        os.killpg(group, signal.SIGSTOP)
        time.sleep(FROZEN_S)
        os.killpg(group, signal.SIGCONT)
        return Done(time.monotonic())

    return happen


def _replaced_one_by_one(to: Installation) -> Done:
    """As in an upgrade: workers first, the next one once all are ready and balancers have seen that."""
    for name in ("worker-1", "worker-2", "api-1", "api-2"):
        to.nodes[name].terminate()
        to.start(name)
        until(to.is_ready)
        time.sleep(SEEN_S)
    return Done(time.monotonic())


def _without_workers(to: Installation) -> Done:
    for name in ("worker-1", "worker-2"):
        to.nodes[name].terminate()
    time.sleep(OUTAGE_S)
    for name in ("worker-1", "worker-2"):
        to.start(name)
    return Done(time.monotonic())


def _database_away(to: Installation) -> Done:
    to.postgres.stop("immediate")
    time.sleep(OUTAGE_S)
    to.postgres.start()
    return Done(time.monotonic())


def _store_away(to: Installation) -> Done:
    to.store.stop()
    time.sleep(OUTAGE_S)
    to.store.start()
    return Done(time.monotonic())


def _pooler_restarted(to: Installation) -> Done:
    to.pooler.stop()
    time.sleep(RESTART_S)
    to.pooler.start()
    return Done(time.monotonic())


def _beside(**changed: str) -> Happens:
    """A worker that is set otherwise than the rest is started for a while."""

    def happen(to: Installation) -> Done:
        other = replace(to.cluster, environment=to.cluster.environment | changed).worker()
        time.sleep(OUTAGE_S)
        if other.process.poll() is None:
            other.kill()
        return Done(time.monotonic(), (other,))

    return happen


EVENTS: Mapping[str, tuple[str, Happens]] = {
    "worker-killed": (
        "kill -9 of one of two workers with a task in hand, started again after 5 s",
        _killed("worker-1", at_work=True),
    ),
    "worker-hangs": (
        "a worker's machine hangs for 15 s with a task in hand, and goes on",
        _frozen("worker-1", at_work=True),
    ),
    "api-killed": ("kill -9 of one of two API nodes, started again after 5 s", _killed("api-1")),
    "api-hangs": ("an API node's machine hangs for 15 s and goes on", _frozen("api-1")),
    "rolling": ("every node replaced by SIGTERM, one by one", _replaced_one_by_one),
    "no-worker": ("no worker for 10 s", _without_workers),
    "database": ("PostgreSQL killed, started again after 10 s", _database_away),
    "pooler": ("pgbouncer stopped, started again after 5 s", _pooler_restarted),
    "store": ("the S3 store killed, started again after 10 s", _store_away),
    "other-bucket": ("a worker with another prefix of the bucket", _beside(LEANPIX_STORE_URL="s3://pictures/other")),
    "other-secret": ("a worker with another secret", _beside(LEANPIX_SECRET="another secret, of 32 characters too")),
}
