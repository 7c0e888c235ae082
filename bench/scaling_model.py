"""A discrete-event model of a cluster: worker slots, and a database that serves one statement after another a core.

Checks the plain arithmetic of docs/scaling.md where waiting begins. The figures behind it are bench/cluster.py's, which
writes what comes of it into the page.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

PICTURE_S = 0.4  # processor time of a 12 MP photo at quality 80
SMALL_PICTURE_S = 0.02
DATABASE_CORES = 8
RUN_S, WARM_UP_S = 40.0, 10.0


@dataclass
class Run:
    """What one load on one cluster came to."""

    environment: simpy.Environment
    slots: simpy.Resource
    database: simpy.Resource
    chance: random.Random
    database_s: float
    waits_s: list[float] = field(default_factory=list)

    def task(self) -> Generator[simpy.Event, Any, None]:
        """One picture, from its arrival to its end."""
        arrived = self.environment.now
        with self.slots.request() as slot:
            yield slot
            with self.database.request() as turn:
                yield turn
                yield self.environment.timeout(self.chance.expovariate(1 / self.database_s))
            yield self.environment.timeout(self.chance.expovariate(1 / PICTURE_S))
            if arrived > WARM_UP_S:
                self.waits_s.append(self.environment.now - arrived)

    def arrivals(self, per_s: float) -> Generator[simpy.Event, Any, None]:
        """Pictures by chance, so many a second on average."""
        while True:
            yield self.environment.timeout(self.chance.expovariate(per_s))
            self.environment.process(self.task())


def simulate(cores: int, per_s: float, database_s: float) -> tuple[float, float]:
    """Tasks ended a second, and the p99 of arrival to end in seconds."""
    environment = simpy.Environment()
    slots, database = simpy.Resource(environment, cores), simpy.Resource(environment, DATABASE_CORES)
    run = Run(environment, slots, database, random.Random(1), database_s)  # noqa: S311 - chance in a model, the same at each run
    environment.process(run.arrivals(per_s))
    environment.run(RUN_S)
    cuts = statistics.quantiles(run.waits_s, n=100)
    return len(run.waits_s) / (RUN_S - WARM_UP_S), cuts[98]


def model(database_s: float) -> str:
    """The model's table and what follows, as Markdown; database_s is a task's processor time in the database."""
    lines = [
        f"A task takes {1000 * database_s:.1f} ms of a database core.",
        "",
        "| worker cores | offered, tasks/s | slots busy | database busy | done, tasks/s | p99, s |",
        "|---|---|---|---|---|---|",
        *(_line(cores, share, database_s) for cores in (10, 100, 1000) for share in (0.7, 0.9)),
        "",
        _arithmetic(database_s),
    ]
    return "\n".join(lines)


def _arithmetic(database_s: float) -> str:
    most = DATABASE_CORES / database_s
    return (
        f"The arithmetic is the same: n cores carry n / {PICTURE_S} s tasks a second, the database its cores / "
        f"{1000 * database_s:.1f} ms: {most:.0f} tasks a second with {DATABASE_CORES} cores, so it becomes the limit "
        f"at about {most * PICTURE_S:.0f} worker cores of such photos. Smaller pictures reach it sooner: at "
        f"{1000 * SMALL_PICTURE_S:.0f} ms a picture, {most * SMALL_PICTURE_S:.0f} worker cores do. "
        f"{1000 / PICTURE_S * database_s:.0f} database cores carry 1000 worker cores of 12 MP photos."
    )


def _line(cores: int, share: float, database_s: float) -> str:
    per_s = share * cores / PICTURE_S
    busy = per_s * database_s / DATABASE_CORES
    offered = f"| {cores} | {per_s:.0f} | {share:.0%} | {busy:.0%} |"
    if busy >= 1:
        return f"{offered} queue grows | - |"
    done, p99 = simulate(cores, per_s, database_s)
    return f"{offered} {done:.0f} | {p99:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database_ms", type=float, help="processor time of the database a task, in ms")
    print(model(parser.parse_args().database_ms / 1000))


if __name__ == "__main__":
    main()
