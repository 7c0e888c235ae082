"""Latency of a small picture in both modes, what the shared queue costs by itself, and 1 to 4 workers.

Writes its figures into docs/scaling.md, and the model that follows from them. Latency: the job alone in a decoding
process, by `sync=1` on one machine, by `sync=1` in a cluster of one API node and one worker, by turns, so that other
work on the machine meets all three alike. The queue alone: delivery, claim and end, without pictures.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.processor_time import family_cpu_s, postgres_cpu_s
from bench.queue_alone import queue_alone
from bench.scaling_model import model
from tests.support.cluster import Cluster, new_cluster
from tests.support.pages import ROOT, commit, write_between
from tests.support.pictures import encoded, gradient
from tests.support.ports import migrated_database, postgres_node, sqlite_node
from tests.support.server import API, Server, key_in, running_server
from tests.support.servers import Postgres, Seaweed

from leanpix.bootstrap.pools import make_pool
from leanpix.domain.request import CompressionOptions
from leanpix.queues.settings import QueueSettings
from leanpix.settings import Settings

PAGE = ROOT / "docs" / "scaling.md"
PICTURE = encoded(gradient(96, 96))
GOALS_MS = {"one machine": 30, "cluster": 35}
MOST_TIMES, MOST_CPU_MS = 1.5, 25  # a cluster's p50 against one machine's; a task's processor time in all processes
LEAST_JOBS_PER_S = 300  # delivered while others wait
JOB_MS = 20  # of the goals; the picture's own may be shorter
WARM_UP, PARTS = 10, 5
TURN = 10  # requests of one mode before the other's: enough that what nodes do without tasks is shared out alike


@dataclass
class Row:
    """A line of the table: what, on one machine, in a cluster."""

    what: str
    one: str
    many: str

    def show(self) -> None:
        """Print it at once."""
        print(f"{self.what}: {self.one} | {self.many}", flush=True)


def client(base: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=base, headers={"X-API-KEY": key}, timeout=120, trust_env=False)


def compress(caller: httpx.Client) -> None:
    answer = caller.post(API, data={"sync": "1", "quality": "80"}, files={"image_file": PICTURE})
    answer.raise_for_status()
    if answer.json()["data"]["state"] != 1:
        raise RuntimeError(answer.text)


def by_turns(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each work, done one after another in every round; the first rounds are not counted."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + WARM_UP):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            if number >= WARM_UP:
                taken[name].append(1000 * (time.perf_counter() - begun))
    return taken


def latency(cluster: Cluster, caller: httpx.Client, server: Server, rounds: int) -> list[Row]:
    with client(server.base, server.key) as single, make_pool(Settings()) as pool:
        works = {
            # As a key's pictures are made, one after the other by the same child.
            "job": lambda: pool.run(PICTURE, CompressionOptions(quality=80), timeout_s=60, tenant="bench"),
            "one machine": lambda: compress(single),
            "cluster": lambda: compress(caller),
        }
        taken = by_turns(works, rounds)
    job = statistics.median(taken["job"])
    modes = [taken[mode] for mode in ("one machine", "cluster")]
    shown = [f"{statistics.median(times):.1f} / {statistics.quantiles(times, n=100)[98]:.1f} ms" for times in modes]
    modes_p50 = [statistics.median(times) for times in modes]
    over = [p50 - job for p50 in modes_p50]
    return [
        Row("the job alone in a decoding process, p50", f"{job:.1f} ms", "the same"),
        Row(f"request with `sync=1`, p50 / p99 of {rounds}", *shown),
        Row("p50 of each fifth of them, in order, ms", *(fifths(times) for times in modes)),
        enqueued_to_result(cluster, server, job),
        Row(
            "goal for the p50",
            *(verdict(statistics.median(times), mode) for times, mode in zip(modes, GOALS_MS, strict=True)),
        ),
        Row("p50 against that of one machine", "-", verdict_of(modes_p50[1] / modes_p50[0], MOST_TIMES, "x")),
        Row("beyond the job, p50", *(f"{ms:.1f} ms" for ms in over)),
        Row(
            f"goal with a job of {JOB_MS} ms and the same beyond it",
            *(verdict(JOB_MS + ms, mode) for ms, mode in zip(over, GOALS_MS, strict=True)),
        ),
    ]


def enqueued_to_result(cluster: Cluster, server: Server, job_ms: float) -> Row:
    """By the rows: from when a task was made, before its source was stored, to when its stored result was recorded."""
    query = "SELECT completed_at - created_at FROM tasks ORDER BY created_at"
    with closing(sqlite3.connect(server.data_dir / "leanpix.db")) as single:
        spans = [single.execute(query).fetchall(), cluster.rows(query)]
    medians = [1000 * statistics.median(span for (span,) in rows[WARM_UP:]) for rows in spans]
    shown = [f"{median:.1f} ms; with a job of {JOB_MS} ms {median - job_ms + JOB_MS:.1f} ms" for median in medians]
    return Row("of it from the task's creation to its stored result, p50", *shown)


def fifths(times: list[float]) -> str:
    size = len(times) // PARTS
    return ", ".join(f"{statistics.median(times[part * size : (part + 1) * size]):.1f}" for part in range(PARTS))


def verdict(ms: float, mode: str) -> str:
    return verdict_of(ms, GOALS_MS[mode], "ms")


def verdict_of(value: float, goal: float, unit: str) -> str:
    return f"{value:.1f} {unit}: {'met' if value <= goal else 'missed'} ({goal:g} {unit})"


@contextmanager
def one_and_one(postgres: Postgres, seaweed: Seaweed, folder: Path) -> Iterator[tuple[Cluster, httpx.Client]]:
    timing = {"heartbeat_s": "2", "stale_s": "6"}
    with new_cluster(postgres, seaweed, folder, queue_max="100000", queue_max_per_key="100000", **timing) as cluster:
        cluster.cli("migrate")
        key = key_in(cluster.cli("keys", "create", "--name", "bench", "--qps", "100000"))
        api = cluster.api()
        cluster.worker()
        cluster.wait()
        with client(api.base, key) as caller:
            yield cluster, caller


def cpu_rows(
    cluster: Cluster, caller: httpx.Client, server: Server, servers: tuple[Postgres, Seaweed], requests: int
) -> tuple[list[Row], float]:
    """A task's processor time in each process, both modes by turns, and PostgreSQL's processor seconds of it.

    What nodes do without tasks while one is under way is in it.
    """
    (postgres, seaweed), serving = servers, server.process.pid
    api, worker = (node.process.pid for node in cluster.nodes[:2])
    shared: dict[str, Callable[[], float]] = {
        "PostgreSQL": lambda: postgres_cpu_s(postgres),
        "the S3 store": lambda: family_cpu_s(seaweed.pid),
        "the API node": lambda: family_cpu_s(api),
        "the worker": lambda: family_cpu_s(worker),
    }
    single = {"all of its processes": lambda: family_cpu_s(serving)}
    task_s: dict[str, float] = dict.fromkeys([*single, *shared], 0.0)
    with client(server.base, server.key) as one:
        for _ in range(requests // TURN):
            for mode, spent in ((one, single), (caller, shared)):
                before = {name: measured() for name, measured in spent.items()}
                for _ in range(TURN):
                    compress(mode)
                for name, measured in spent.items():
                    task_s[name] += (measured() - before[name]) / (requests // TURN * TURN)
    shares = "; ".join(f"{name} {1000 * task_s[name]:.1f}" for name in shared)
    alone_ms, all_ms = (1000 * sum(task_s[name] for name in spent) for spent in (single, shared))
    return [
        Row("processor time a task, request to answer, ms", f"all of its processes {alone_ms:.1f}", shares),
        Row("all of it", f"{alone_ms:.1f} ms", verdict_of(all_ms, MOST_CPU_MS, "ms")),
    ], task_s["PostgreSQL"]


def asked_row(cluster: Cluster, caller: httpx.Client, postgres: Postgres, requests: int) -> Row:
    transactions, statements, waits = asked(cluster, caller, postgres, requests)
    trips = f"{transactions:.1f}, {statements:.1f}, {waits:.1f}"
    return Row("transactions, statements, commits that wait for the disk, a task", "-", trips)


def asked(cluster: Cluster, caller: httpx.Client, postgres: Postgres, requests: int) -> tuple[float, float, float]:
    """Transactions, statements, and commits of more than one statement, by the server's own log."""
    count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    log = postgres.folder / "log"
    with every_statement_logged(postgres):
        time.sleep(1.5)  # sessions read the setting, and tell of their transactions, when they next do something
        start, (before,) = log.stat().st_size, cluster.rows(count)[0]
        for _ in range(requests):
            compress(caller)
        time.sleep(1.5)
        lines = log.read_text()[start:].splitlines()
        (after,) = cluster.rows(count)[0]
    statements = sum("LOG:  execute" in line or "LOG:  statement" in line for line in lines)
    commits = sum(line.endswith(" COMMIT") for line in lines)
    return (after - before) / requests, statements / requests, commits / requests


@contextmanager
def every_statement_logged(postgres: Postgres) -> Iterator[None]:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")
        yield
        connection.execute("ALTER SYSTEM RESET log_statement")
        connection.execute("SELECT pg_reload_conf()")


def throughput(cluster: Cluster, caller: httpx.Client, pictures: int) -> Row:
    """Pictures a second with 1 to 4 workers of one slot each."""
    rates = []
    for workers in range(1, 5):
        begun = time.perf_counter()
        with ThreadPoolExecutor(2 * workers) as threads:
            list(threads.map(lambda _number: compress(caller), range(pictures)))
        rates.append(f"{pictures / (time.perf_counter() - begun):.1f}")
        if workers < 4:
            cluster.worker()
            cluster.wait()
    return Row(f"1, 2, 3, 4 workers on the same {cores()} cores", "-", ", ".join(rates) + " pictures/s")


def queue_rows(folder: Path, postgres: Postgres, jobs: int) -> list[Row]:
    with sqlite_node(folder, time.time) as single:
        one = queue_alone(single, jobs, postgres)
    with postgres_node(migrated_database(postgres), QueueSettings()) as shared:
        many = queue_alone(shared, jobs, postgres)
    return [
        Row("delivery, claim and end alone, 2 slots", f"{one[0]:.0f} jobs/s", goal_of_jobs(many[0])),
        Row("processor time of that a job", one[1].partition(",")[0], many[1]),
    ]


def goal_of_jobs(per_s: float) -> str:
    return f"{per_s:.0f} jobs/s: {'met' if per_s >= LEAST_JOBS_PER_S else 'missed'} ({LEAST_JOBS_PER_S})"


def cores() -> int:
    return len(os.sched_getaffinity(0))


def setting(load_before: float, postgres: Postgres) -> str:
    with psycopg.connect(postgres.url("postgres")) as connection:
        version = connection.info.server_version // 10000
    return (
        f"Run {datetime.now(UTC):%Y-%m-%d %H:%M} UTC of commit {commit()}: {cores()} cores, {platform.machine()}, load "
        f"{load_before:.1f} before the start and {os.getloadavg()[0]:.1f} at the end; PostgreSQL {version} with fsync, "
        "SeaweedFS, one slot a worker, a 96 x 96 JPEG at quality 80.\n\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=500)
    chosen, load_before = parser.parse_args(), os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = Postgres(settings=("max_connections=300",)).start()
        stack.callback(postgres.close)
        seaweed = Seaweed().start()
        stack.callback(seaweed.close)
        rows = queue_rows(folder, postgres, chosen.jobs)
        cluster, caller = stack.enter_context(one_and_one(postgres, seaweed, folder))
        with running_server(folder / "data", workers="1") as server:
            rows = latency(cluster, caller, server, chosen.requests) + rows
            spent, database_s = cpu_rows(cluster, caller, server, (postgres, seaweed), chosen.requests)
        rows += [asked_row(cluster, caller, postgres, chosen.requests), *spent]
        rows.append(throughput(cluster, caller, chosen.requests // 2))
        for row in rows:
            row.show()
        lines = [f"| {row.what} | {row.one} | {row.many} |" for row in rows]
        header = "| what | one machine (SQLite) | cluster (PostgreSQL, S3) |\n|---|---|---|\n"
        write_between(PAGE, "measured", setting(load_before, postgres) + header + "\n".join(lines))
    write_between(PAGE, "model", model(database_s))


if __name__ == "__main__":
    main()
