"""Parts of a cluster that die, hang and come back under load: how long until all is whole, and what was lost.

Whole: every API node is ready, everything accepted so far has ended, and so has something accepted after it.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
from tests.support.cluster import Cluster, until
from tests.support.failures import HELD_PICTURE, FarNetwork, Load, attempts, ended, far_network, under_load, under_way
from tests.support.scene import Scene, one_host_scene, ready, two_host_scene
from tests.support.servers import Postgres, Seaweed
from tests.torture.figures import Figures

OUTAGE_S, CUT_S = 5, 30
# The defaults of the service, not the short ones of the tests.
_TIMING = {"heartbeat_s": "2", "stale_s": "6"}
# The hook's as well: the answer to a worker whose network is cut is not waited for beyond the cut.
_REVIEWING = {"policy_timeout_s": "10"}
_NOTICED_S, _BACK_S = 15, 20
_PATIENCE_S = 120


def torture_cluster(folder: Path, figures: Figures) -> None:
    with ExitStack() as stack:
        postgres = Postgres(settings=("max_connections=300",)).start()
        stack.callback(postgres.close)
        seaweed = Seaweed().start()
        stack.callback(seaweed.close)
        (folder / "cluster").mkdir()
        scene = stack.enter_context(one_host_scene(postgres, seaweed, folder / "cluster", **_TIMING))
        _worker_killed(scene, figures)
        _api_killed(scene, figures)
        _outage(scene, figures, "PostgreSQL", lambda: postgres.stop("immediate"), postgres.start, meanwhile=[503, 503])
        _outage(scene, figures, "the S3 store", seaweed.stop, seaweed.start, meanwhile=[200, 200])  # queries go on
    _network_cut(folder, figures)


def _worker_killed(scene: Scene, figures: Figures) -> None:
    section = "kill -9 of one of two workers"
    with under_load(scene.caller, scene.apis, pause_s=0.5) as load:
        until(lambda: len(load.accepted) > 4)
        held = scene.both_workers_busy()
        figures.add(section, "tasks under way", under_way(scene.cluster))
        killed = scene.workers.pop(0)
        killed.kill()
        begun = time.monotonic()
        scene.gate.is_open.set()
        _add_time(figures, section, "whole again after", _whole_after(scene, load, held, begun), _NOTICED_S)
    figures.add(
        section, "attempts of the two", attempts(scene.cluster, held), good=attempts(scene.cluster, held)[1] == 2
    )
    _judge(scene.cluster, section, [*held, *load.accepted], figures)
    scene.workers.append(scene.cluster.worker())
    scene.cluster.wait()


def _api_killed(scene: Scene, figures: Figures) -> None:
    section = "kill -9 of one of two API nodes, with a request waiting there"
    before = {row[0] for row in scene.cluster.rows("SELECT id FROM tasks")}
    scene.gate.is_open.clear()
    dying = scene.apis.pop(0)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(scene.caller.create, dying, HELD_PICTURE, sync=True)
        until(lambda: len(scene.gate.held) == 1)
        dying.kill()
        begun = time.monotonic()
        scene.caller.create(scene.apis[0], sync=True).raise_for_status()
        _add_time(figures, section, "the other node has done a picture after", time.monotonic() - begun, _NOTICED_S)
        scene.gate.is_open.set()
        with suppress(httpx.TransportError):
            waiting.result()
    tasks = [row[0] for row in scene.cluster.rows("SELECT id FROM tasks") if row[0] not in before]
    _judge(scene.cluster, section, tasks, figures)
    scene.apis.append(scene.cluster.api())
    scene.cluster.wait()


def _outage(
    scene: Scene,
    figures: Figures,
    name: str,
    stop: Callable[[], object],
    start: Callable[[], object],
    *,
    meanwhile: Sequence[int],
) -> None:
    section = f"{name} killed under load, started again after {OUTAGE_S} s"
    with under_load(scene.caller, scene.apis, pause_s=0.5) as load:
        until(lambda: len(load.accepted) > 4)
        figures.add(section, "unfinished tasks", _unfinished(scene.cluster))
        stop()
        time.sleep(OUTAGE_S)
        states = [ready(api) for api in scene.apis]
        start()
        back = time.monotonic()
        _add_time(figures, section, "whole again after it was back", _whole_after(scene, load, [], back), _BACK_S)
    figures.add(section, "`/readyz` meanwhile", states, good=states == meanwhile)
    figures.add(section, "requests refused meanwhile", load.refused)
    alive = all(node.process.poll() is None for node in scene.apis + scene.workers)
    figures.add(section, "nodes that died of it", 0 if alive else "some", good=alive)
    _judge(scene.cluster, section, load.accepted, figures)


def _network_cut(folder: Path, figures: Figures) -> None:
    section = f"one worker's network cut silently for {CUT_S} s"
    if shutil.which("ip") is None:
        figures.add(section, "not tried", "it takes iproute2")
        return
    try:
        with far_network() as far:
            (folder / "two-hosts").mkdir()
            with two_host_scene(far, folder / "two-hosts", **_TIMING, **_REVIEWING) as scene:
                _cut(scene, far, section, figures)
    except subprocess.CalledProcessError as failure:
        figures.add(section, "not tried", f"network namespaces: {failure.stderr.decode().strip()}")


def _cut(scene: Scene, far: FarNetwork, section: str, figures: Figures) -> None:
    tasks = scene.both_workers_busy()
    figures.add(section, "tasks under way", under_way(scene.cluster))
    far.cut()
    begun = time.monotonic()
    scene.gate.is_open.set()
    until(lambda: ended(scene.cluster, tasks), _PATIENCE_S)
    _add_time(figures, section, "its task ended by the other after", time.monotonic() - begun, _NOTICED_S)
    time.sleep(max(0.0, CUT_S - (time.monotonic() - begun)))
    far.heal()
    healed = time.monotonic()
    scene.workers[0].kill()
    later = [scene.caller.accepted(scene.apis[0]) for _ in range(3)]
    until(lambda: ended(scene.cluster, later), _PATIENCE_S)
    _add_time(
        figures,
        section,
        "the worker that was cut off has done 3 pictures, after the cut",
        time.monotonic() - healed,
        _BACK_S,
    )
    _judge(scene.cluster, section, tasks + later, figures)


def _whole_after(scene: Scene, load: Load, held: Sequence[str], begun: float) -> float:
    """Seconds since `begun` until all is whole again."""
    until(lambda: all(ready(api) == httpx.codes.OK for api in scene.apis), _PATIENCE_S)
    before = len(load.accepted)
    until(lambda: len(load.accepted) > before, _PATIENCE_S)
    tasks = [*held, *load.accepted]
    until(lambda: ended(scene.cluster, tasks), _PATIENCE_S)
    return time.monotonic() - begun


def _unfinished(cluster: Cluster) -> int:
    return int(cluster.rows("SELECT count(*) FROM tasks WHERE completed_at IS NULL")[0][0])


def _add_time(figures: Figures, section: str, claim: str, seconds: float, bound_s: float) -> None:
    figures.add(section, claim, f"{seconds:.1f} s", good=seconds <= bound_s)


def _judge(cluster: Cluster, section: str, tasks: Sequence[str], figures: Figures) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not ended(cluster, tasks) and time.monotonic() < deadline:
        time.sleep(0.2)
    rows = cluster.rows(
        "SELECT state, charged, count(*) FILTER (WHERE kind = 'settle'), sum(ledger.credits) FROM tasks"
        " JOIN ledger ON task_id = tasks.id WHERE tasks.id = ANY(%s) GROUP BY tasks.id, state, charged",
        list(tasks),
    )
    done = sum(state == 1 for state, *_ in rows)
    figures.add(section, "tasks accepted", len(tasks))
    figures.add(section, "lost or failed", len(tasks) - done, good=done == len(tasks))
    wrong = sum((charged, settled, int(total)) != (1, 1, -2) for _, charged, settled, total in rows)
    figures.add(section, "charged twice, or not as held", wrong, good=wrong == 0)
