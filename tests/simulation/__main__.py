"""`python -m tests.simulation`: many histories on all cores, or one again with its trace (SIM_SEED)."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

from tests.simulation.history import Verdict, run_plan
from tests.simulation.plan import plan_of
from tests.simulation.shrink import shrunk

_CHUNK = 200
_MOST_SHOWN = 5
_TRACE_LINES = 200


@dataclass(frozen=True, slots=True)
class Tally:
    """What some histories came to. steps: calls of ports; ended: tasks; failed: those in which something went wrong."""

    histories: int
    steps: int
    ended: int
    failed: tuple[Verdict, ...]


def tally(seeds: range) -> Tally:
    """Play the histories of these seeds."""
    gc.disable()  # a history's objects are many and go together: looking for those that could go before takes a fifth
    verdicts = [run_plan(plan_of(seed)) for seed in seeds]
    gc.collect()
    return Tally(
        len(verdicts),
        sum(verdict.steps for verdict in verdicts),
        sum(verdict.ended for verdict in verdicts),
        tuple(verdict for verdict in verdicts if verdict.violations),
    )


def simulate(histories: int, first: int, processes: int) -> Iterator[Tally]:
    """Play so many histories, seeds from `first` on, in so many processes."""
    ends = [*range(first, first + histories, _CHUNK), first + histories]
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(tally, [range(*bounds) for bounds in pairwise(ends)])


def show(verdict: Verdict) -> None:
    """Print what went wrong, made short, and how to see it again."""
    small = shrunk(verdict)
    print(f"SIM_SEED={verdict.plan.seed}: {verdict.violations[0]}")
    print(f"the same, made short: {small.plan}")
    print(*small.trace[-_TRACE_LINES:], sep="\n")
    print(*small.violations, sep="\n")


def main() -> int:
    """Play them and print what came of it; 1 where something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=None, help="the first seed (default: another one each time)")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    if "SIM_SEED" in os.environ:
        verdict = run_plan(plan_of(int(os.environ["SIM_SEED"])), traced=True)
        print(verdict.plan, *verdict.trace, *verdict.violations or ["all was as it must be"], sep="\n")
        return bool(verdict.violations)
    first = time.time_ns() // 1_000_000 if asked.first is None else asked.first
    print(f"{asked.histories} histories, seeds from {first} on")
    begun, done, steps, ended, failed = time.monotonic(), 0, 0, 0, list[Verdict]()
    for one in simulate(asked.histories, first, asked.processes):
        done, steps, ended = done + one.histories, steps + one.steps, ended + one.ended
        failed += one.failed
        if len(failed) >= _MOST_SHOWN:
            break
    print(f"{done} histories, {steps} calls of ports, {ended} tasks ended, in {time.monotonic() - begun:.0f} s")
    for verdict in failed[:_MOST_SHOWN]:
        show(verdict)
    print(f"{len(failed)} went wrong")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
