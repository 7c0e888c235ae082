"""A discrete-event model of a cluster: worker slots, and a database that serves one statement after another a core.

Checks the plain arithmetic of docs/scaling.md where waiting begins. The figures behind it are bench/cluster.py's.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

PICTURE_S = 0.4  # processor time of a 12 MP photo at quality 80
DATABASE_S = 0.008  # processor time of PostgreSQL for a task from request to answer
DATABASE_CORES = 8
RUN_S, WARM_UP_S = 40.0, 10.0


@dataclass
class Run:
    """What one load on one cluster came to."""

    environment: simpy.Environment
    slots: simpy.Resource
    database: simpy.Resource
    chance: random.Random
    waits_s: list[float] = field(default_factory=list)

    def task(self) -> Generator[simpy.Event, Any, None]:
        """One picture, from its arrival to its end."""
        arrived = self.environment.now
        with self.slots.request() as slot:
            yield slot
            with self.database.request() as turn:
                yield turn
                yield self.environment.timeout(self.chance.expovariate(1 / DATABASE_S))
            yield self.environment.timeout(self.chance.expovariate(1 / PICTURE_S))
            if arrived > WARM_UP_S:
                self.waits_s.append(self.environment.now - arrived)

    def arrivals(self, per_s: float) -> Generator[simpy.Event, Any, None]:
        """Pictures by chance, so many a second on average."""
        while True:
            yield self.environment.timeout(self.chance.expovariate(per_s))
            self.environment.process(self.task())


def simulate(cores: int, per_s: float) -> tuple[float, float]:
    """Tasks ended a second, and the p99 of arrival to end in seconds."""
    environment = simpy.Environment()
    slots, database = simpy.Resource(environment, cores), simpy.Resource(environment, DATABASE_CORES)
    run = Run(environment, slots, database, random.Random(1))  # noqa: S311 - chance in a model, the same at each run
    environment.process(run.arrivals(per_s))
    environment.run(RUN_S)
    cuts = statistics.quantiles(run.waits_s, n=100)
    return len(run.waits_s) / (RUN_S - WARM_UP_S), cuts[98]


def main() -> None:
    print(f"{'cores':>6} {'offered/s':>10} {'of slots':>9} {'of database':>12} {'done/s':>8} {'p99 s':>6}")
    for cores in (10, 100, 1000):
        for share in (0.7, 0.9):
            per_s = share * cores / PICTURE_S
            done, p99 = simulate(cores, per_s)
            busy = per_s * DATABASE_S / DATABASE_CORES
            print(f"{cores:6} {per_s:10.0f} {share:9.0%} {busy:12.0%} {done:8.0f} {p99:6.2f}")


if __name__ == "__main__":
    main()
