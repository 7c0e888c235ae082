"""Latency of a small picture in both modes, and what the shared queue costs by itself.

Prints: enqueue to result of a small JPEG by `sync=1` (p50, p99; one request at a time) on one machine and in a cluster
with one API node and one worker; jobs a second of delivery, claim and end alone, without pictures; pictures a second
with 1 to 4 workers. The workers share this machine's cores with everything else: read ratios, not absolutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.cluster import Cluster, new_cluster
from tests.support.failures import Caller
from tests.support.ledger import Book, success
from tests.support.ports import Node as Adapters
from tests.support.ports import migrated_database, postgres_node, sqlite_node
from tests.support.server import key_in, running_server
from tests.support.servers import Postgres, Seaweed

from leanpix.queues.settings import QueueSettings


class _Base:
    """Where a caller sends its requests."""

    def __init__(self, base: str) -> None:
        self.base = base


def latency(caller: Caller, base: str, requests: int) -> str:
    """p50 and p99 in milliseconds, after ten requests that nobody counts."""
    taken = []
    for number in range(requests + 10):
        begun = time.perf_counter()
        answer = caller.create(_Base(base), sync=True)  # type: ignore[arg-type] # only its base is used
        answer.raise_for_status()
        if number >= 10:
            taken.append(1000 * (time.perf_counter() - begun))
    cuts = statistics.quantiles(taken, n=100)
    return f"p50 {statistics.median(taken):6.1f} ms   p99 {cuts[98]:6.1f} ms   ({requests} requests)"


def embedded(requests: int, folder: Path) -> str:
    with running_server(folder / "data", workers="1") as server:
        return latency(Caller(server.key), server.base, requests)


@contextmanager
def one_and_one(postgres: Postgres, seaweed: Seaweed, folder: Path) -> Iterator[tuple[Cluster, Caller, str]]:
    with new_cluster(postgres, seaweed, folder, queue_max="100000", queue_max_per_key="100000") as cluster:
        cluster.cli("migrate")
        key = key_in(cluster.cli("keys", "create", "--name", "bench", "--qps", "100000"))
        api = cluster.api()
        cluster.worker()
        cluster.wait()
        yield cluster, Caller(key), api.base


def throughput(cluster: Cluster, caller: Caller, base: str, pictures: int) -> list[str]:
    """Pictures a second with 1 to 4 workers of one slot each."""
    lines = []
    for workers in range(1, 5):
        begun = time.perf_counter()
        with ThreadPoolExecutor(2 * workers) as threads:
            list(threads.map(lambda _n: caller.create(_Base(base), sync=True).raise_for_status(), range(pictures)))  # type: ignore[arg-type] # only its base is used
        lines.append(f"{workers} worker(s): {pictures / (time.perf_counter() - begun):6.1f} pictures/s")
        cluster.worker()
        cluster.wait()
    return lines


def queue_alone(node: Adapters, jobs: int, concurrency: int = 2) -> str:
    """Delivery, claim and end, without files or pictures."""
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
    begun, own, servers = time.perf_counter(), time.process_time(), cpu_of("postgres")
    thread.start()
    done.wait()
    taken, own, servers = time.perf_counter() - begun, time.process_time() - own, cpu_of("postgres") - servers
    deliveries.stop()
    thread.join()
    cpu = f"processor time a job: {1000 * own / jobs:.1f} ms here, {1000 * servers / jobs:.1f} ms in PostgreSQL"
    return f"{jobs / taken:6.0f} jobs/s; {cpu}"


def cpu_of(program: str) -> float:
    """Processor seconds of every process of that name so far."""
    total = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = place.read_text().partition("(")[2].rpartition(")")
            if name == program:
                total += sum(map(int, rest.split()[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=500)
    chosen = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} before the start")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = Postgres(settings=("max_connections=300",)).start()
        stack.callback(postgres.close)
        seaweed = Seaweed().start()
        stack.callback(seaweed.close)
        show(
            "queue alone, SQLite", lambda: queue_alone(stack.enter_context(sqlite_node(folder, time.time)), chosen.jobs)
        )
        shared = stack.enter_context(postgres_node(migrated_database(postgres), QueueSettings()))
        show("queue alone, PostgreSQL", lambda: queue_alone(shared, chosen.jobs))
        show("one machine, sync=1", lambda: embedded(chosen.requests, folder))
        cluster, caller, base = stack.enter_context(one_and_one(postgres, seaweed, folder))
        before = cpu_of("postgres")
        show("cluster, sync=1", lambda: latency(caller, base, chosen.requests))
        spent_ms = 1000 * (cpu_of("postgres") - before) / (chosen.requests + 10)
        print(f"PostgreSQL's processor time a task: {spent_ms:.1f} ms")
        for line in throughput(cluster, caller, base, chosen.requests):
            print(line, flush=True)


def show(name: str, measure: Callable[[], str]) -> None:
    print(f"{name:26} {measure()}", flush=True)


if __name__ == "__main__":
    main()
