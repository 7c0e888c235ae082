"""Latency of a small picture in both modes, what the shared queue costs by itself, and 1 to 4 workers.

Writes its figures into docs/scaling.md, and the model that follows from them. Latency: the job alone in a decoding
process, by `sync=1` on one machine, by `sync=1` in a cluster of one API node and one worker, by turns, so that other
work on the machine meets all three alike. The queue alone: delivery, claim and end, without pictures.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import httpx
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.scaling_model import model
from tests.support.cluster import Cluster, new_cluster
from tests.support.ledger import Book, success
from tests.support.pages import ROOT, commit, write_between
from tests.support.pictures import encoded, gradient
from tests.support.ports import Node as Adapters
from tests.support.ports import migrated_database, postgres_node, sqlite_node
from tests.support.server import API, Server, key_in, running_server
from tests.support.servers import Postgres, Seaweed

from leanpix.bootstrap.pools import make_pool
from leanpix.domain.request import CompressionOptions
from leanpix.queues.settings import QueueSettings
from leanpix.settings import Settings

PAGE = ROOT / "docs" / "scaling.md"
PICTURE = encoded(gradient(96, 96))  # with quality=80 about 20 ms on a core that does nothing else
GOALS_MS = {"one machine": 30, "cluster": 35}
WARM_UP = 10


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


def latency(caller: httpx.Client, server: Server, rounds: int) -> list[Row]:
    with client(server.base, server.key) as single, make_pool(Settings()) as pool:
        works = {
            "job": lambda: pool.run(PICTURE, CompressionOptions(quality=80), timeout_s=60),
            "one machine": lambda: compress(single),
            "cluster": lambda: compress(caller),
        }
        taken = by_turns(works, rounds)
    job = statistics.median(taken["job"])
    modes = ("one machine", "cluster")
    shown = [f"{statistics.median(taken[m]):.1f} / {statistics.quantiles(taken[m], n=100)[98]:.1f} ms" for m in modes]
    over = [f"{statistics.median(taken[m]) - job:.1f} ms" for m in modes]
    met = {mode: statistics.median(taken[mode]) <= goal for mode, goal in GOALS_MS.items()}
    goals = [f"{'met' if met[mode] else 'missed'} ({goal} ms)" for mode, goal in GOALS_MS.items()]
    return [
        Row("the job alone in a decoding process, p50", f"{job:.1f} ms", "the same"),
        Row(f"request with `sync=1`, p50 / p99 of {rounds}", *shown),
        Row("of that beyond the job, p50", *over),
        Row("goal for the p50", *goals),
    ]


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


def database_row(cluster: Cluster, caller: httpx.Client, postgres: Postgres, requests: int) -> tuple[Row, Row, float]:
    """What a task asks of PostgreSQL, and its processor seconds; what nodes do without tasks is not taken off."""
    before = postgres_cpu_s(postgres)
    for _ in range(requests):
        compress(caller)
    spent_s = (postgres_cpu_s(postgres) - before) / requests
    transactions, statements, waits = asked(cluster, caller, postgres, requests)
    trips = f"{transactions:.1f}, {statements:.1f}, {waits:.1f}"
    return (
        Row("transactions, statements, commits that wait for the disk, a task", "-", trips),
        Row("processor time of PostgreSQL a task, request to answer", "-", f"{1000 * spent_s:.1f} ms"),
        spent_s,
    )


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


def queue_alone(node: Adapters, jobs: int, postgres: Postgres, concurrency: int = 2) -> tuple[str, str]:
    """Delivery, claim and end, without files or pictures: jobs a second, and processor time a job."""
    book = Book(node.database)
    book.account(credit=None)
    done, count = Event(), iter(range(1, jobs + 1))

    def handle(task_id: str) -> bool:
        with node.database.stepping() as change:
            task = change.tasks.claim(task_id, "bench", 2.0)
        if task is None:
            return False
        with node.database.writing() as change:
            change.tasks.finish(task.fence, success(task), 3.0, 1)
            change.accounts.settle(task.key_id, task.id, 1, 3.0)
        if next(count) == jobs:
            done.set()
        return True

    for _ in range(jobs):
        task_id = book.task()
        with node.database.stepping() as change:
            change.enqueue(task_id)
    deliveries = node.new_deliveries()
    thread = Thread(target=deliveries.run, args=(handle,), kwargs={"concurrency": concurrency})
    begun, own, servers = time.perf_counter(), time.process_time(), postgres_cpu_s(postgres)
    thread.start()
    done.wait()
    taken, own, servers = time.perf_counter() - begun, time.process_time() - own, postgres_cpu_s(postgres) - servers
    deliveries.stop()
    thread.join()
    return f"{jobs / taken:.0f} jobs/s", f"{1000 * own / jobs:.1f} ms, {1000 * servers / jobs:.1f} ms in PostgreSQL"


def postgres_cpu_s(postgres: Postgres) -> float:
    """Processor seconds of this server so far, those of its sessions that have ended too."""
    main = (postgres.folder / "data" / "postmaster.pid").read_text().split()[0]
    total = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = place.read_text().rpartition(")")[2].split()
            if place.parent.name == main:
                total += sum(map(int, fields[11:15]))
            elif fields[1] == main:
                total += sum(map(int, fields[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


def queue_rows(folder: Path, postgres: Postgres, jobs: int) -> list[Row]:
    with sqlite_node(folder, time.time) as single:
        one = queue_alone(single, jobs, postgres)
    with postgres_node(migrated_database(postgres), QueueSettings()) as shared:
        many = queue_alone(shared, jobs, postgres)
    return [
        Row("delivery, claim and end alone, 2 slots", one[0], many[0]),
        Row("processor time of that a job", one[1].partition(",")[0], many[1]),
    ]


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
            rows = latency(caller, server, chosen.requests) + rows
        trips, cpu, database_s = database_row(cluster, caller, postgres, chosen.requests)
        rows += [trips, cpu, throughput(cluster, caller, chosen.requests // 2)]
        for row in rows:
            row.show()
        lines = [f"| {row.what} | {row.one} | {row.many} |" for row in rows]
        header = "| what | one machine (SQLite) | cluster (PostgreSQL, S3) |\n|---|---|---|\n"
        write_between(PAGE, "measured", setting(load_before, postgres) + header + "\n".join(lines))
    write_between(PAGE, "model", model(database_s))


if __name__ == "__main__":
    main()
