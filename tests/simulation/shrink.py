"""Making a history that went wrong short: fewer operations, fewer processes and less misfortune, as long as it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.history import Verdict, run_plan
from tests.simulation.plan import Plan

_MOST_RUNS = 400
_ORDERS = 3
"""How many orders of events are tried for each smaller plan: what is left out changes them all."""


def shrunk(verdict: Verdict) -> Verdict:
    """The smallest history found in which the same goes wrong, with its trace."""
    best, runs, is_better = verdict, 0, True
    while is_better:
        is_better = False
        for plan in _smaller(best.plan):
            if runs >= _MOST_RUNS:
                break
            runs += _ORDERS
            found = _same_fault(plan, _fault(verdict))
            if found is not None:
                best, is_better = found, True
                break
    return run_plan(best.plan, traced=True)


def _same_fault(plan: Plan, fault: str) -> Verdict | None:
    for seed in (plan.seed, *range(_ORDERS - 1)):
        verdict = run_plan(replace(plan, seed=seed))
        if verdict.violations and _fault(verdict) == fault:
            return verdict
    return None


def _smaller(plan: Plan) -> Iterator[Plan]:
    half = len(plan.operations) // 2
    if half > 1:
        yield replace(plan, operations=plan.operations[:half])
        yield replace(plan, operations=plan.operations[half:])
    for number in range(len(plan.operations)):
        yield replace(plan, operations=plan.operations[:number] + plan.operations[number + 1 :])
    simpler = (
        replace(plan, skews_s=plan.skews_s[:1]),
        replace(plan, skews_s=(0.0,) * len(plan.skews_s)),
        replace(plan, credit=plan.credit[:1]),
        replace(plan, crash=0.0),
        replace(plan, stall=0.0),
        replace(plan, failure=0.0),
        replace(plan, lost_reply=0.0),
        replace(plan, slots=1),
        replace(plan, spare=0),
        replace(plan, reuses=False),
        replace(plan, switch=0.0),
    )
    yield from (one for one in simpler if one != plan)


def _fault(verdict: Verdict) -> str:
    """What went wrong, without whose it was."""
    return re.sub(r"[0-9]+|[0-9a-f]{8}-[0-9a-f-]*", "N", verdict.violations[0].splitlines()[0])
