"""The simulation finds nothing in the service as it is, and each fault that is planted in it."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from tests.simulation.history import run_plan
from tests.simulation.plan import Plan, plan_of
from tests.simulation.planted import PLANTED
from tests.simulation.shrink import shrunk

HISTORIES = int(os.environ.get("SIM_HISTORIES", "1000"))
FIRST = int(os.environ.get("SIM_FIRST", "0"))
MOST = 1000


def first_violation(seeds: range) -> tuple[int, str] | None:
    for seed in seeds:
        verdict = run_plan(plan_of(seed))
        if verdict.violations:
            return seed, verdict.violations[0]
    return None


@pytest.mark.parametrize("part", range(10))
def test_all_is_as_it_must_be(part: int) -> None:
    size = HISTORIES // 10
    first = FIRST + part * size
    assert first_violation(range(first, first + size)) is None, "again, with its trace: SIM_SEED=... make simulate"


@pytest.mark.parametrize("seed", [1795999147984], ids=["one process has an attempt twice after a power cut"])
def test_what_once_went_wrong_does_so_no_more(seed: int) -> None:
    assert run_plan(plan_of(seed)).violations == ()


def test_a_seed_is_one_history() -> None:
    once, again = (run_plan(plan_of(7), traced=True) for _ in range(2))
    assert once == again
    assert once.trace != run_plan(plan_of(8), traced=True).trace


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_within_1000_histories(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[fault](monkeypatch)
    assert first_violation(range(MOST)) is not None


def test_a_history_that_went_wrong_is_made_short(monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED["holds of failed tasks stay"](monkeypatch)
    found = first_violation(range(MOST))
    assert found is not None
    small = shrunk(run_plan(plan_of(found[0])))
    assert small.violations
    assert len(small.plan.operations) <= 2
    assert small.trace


def test_a_calm_plan_ends_as_its_pictures_say() -> None:
    calm = next(plan for plan in map(plan_of, range(MOST)) if plan.is_calm and len(plan.operations) > 3)
    assert isinstance(calm, Plan)
    assert run_plan(replace(calm, seed=1)).violations == ()
