"""One history: what a plan says, then calm, until everything has ended, then until everything is past its time."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.simulation.installation import Installation
from tests.simulation.node import IDEMPOTENCY_S, LONGEST_WAIT_S, NOTICES_KEPT_S, RETENTION_S, Node
from tests.simulation.operations import OPERATIONS
from tests.simulation.plan import ACTIVE_S, Operation, Plan

# From calm on everything ends within this time: a queue that one slot works off, three attempts, a stale worker after
# each, and the longest pause of a notice.
_SETTLE_S = 500.0
_LOOK_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a history came to. violations: none where all was as it must be; trace: only where it was asked for."""

    plan: Plan
    violations: tuple[str, ...]
    steps: int
    ended: int
    trace: tuple[str, ...] = ()


def run_plan(plan: Plan, *, traced: bool = False) -> Verdict:
    """Play a plan to its end."""
    world = Installation(plan, traced=traced)
    world.open()
    begin = world.scheduler.now
    for operation in plan.operations:
        world.client(operation.kind, partial(_act, world, operation))
    world.scheduler.run(begin + ACTIVE_S)
    world.calm()
    until = world.scheduler.now + _SETTLE_S
    while world.scheduler.now < until and not world.scheduler.is_halted and not _is_settled(world):
        world.scheduler.run(world.scheduler.now + _LOOK_EVERY_S)
    if not world.auditor.violations:
        world.auditor.look_at_end()
    if not world.auditor.violations:
        _sweep_everything(world)
        world.auditor.look_at_remains()
    defects = [f"a defect: {one!r}\n{''.join(traceback.format_exception(one))}" for one in world.around.failures]
    return Verdict(
        plan,
        (*world.auditor.violations, *defects),
        world.scheduler.steps,
        len(world.auditor.ends),
        tuple(world.scheduler.trace or ()),
    )


def _act(world: Installation, operation: Operation) -> None:
    world.scheduler.sleep(operation.at_s)
    OPERATIONS[operation.kind](world, Random(operation.seed))  # noqa: S311 - repeatable on purpose


def _is_settled(world: Installation) -> bool:
    tables = world.rows.tables
    return (
        all(task.completed_at is not None for task in tables["tasks"].values())
        and all(batch.completed_at is not None for batch in tables["batches"].values())
        and all(notice.due_at is None for notice in tables["notices"].values())
        and not tables["jobs"]
        and not world.scheduler.outside.actors  # clients that still ask, processes that are to start again
    )


def _sweep_everything(world: Installation) -> None:
    """Let all be past its time, and one more process keep house."""
    for node in world.nodes:
        world.scheduler.kill(node)
    world.scheduler.run(world.scheduler.now)
    janitor = Node("janitor", 0.0, world.around)
    for wait_s in (RETENTION_S + 100, LONGEST_WAIT_S + 2 * RETENTION_S + IDEMPOTENCY_S + NOTICES_KEPT_S):
        world.scheduler.now += wait_s
        world.scheduler.spawn(janitor, "sweep", lambda: _sweep(janitor))
        world.scheduler.run(world.scheduler.now)


def _sweep(janitor: Node) -> None:
    sweeper = janitor.housekeeping.sweeper
    while sweeper.sweep():
        pass
    sweeper.sweep_files()
    janitor.outbox.notify.forget()
