"""What a seed stands for: an installation, what its clients do and when, and how much goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

ACTIVE_S = 30.0
MAX_SKEW_S = 20.0
STALLS_S = (1.0, 7.0, 12.0, 40.0)
"""For how long a process stands still: some of these are longer than it may be silent."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a client, an operator or misfortune does at this second; seed decides the rest."""

    at_s: float
    kind: str
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One history, as far as it is fixed beforehand.

    is_shared: PostgreSQL semantics, else SQLite's. Chances are those at each call of a port: to give way to the others,
    to lose the process, to stand still with it, to get no answer from the database or the file store, to lose the
    answer to a commit.
    credit: what each key has at the beginning; None is unlimited. skews_s: how far each process's wall clock is ahead.
    keeps_rows: small results lie in their tasks' rows, and where it is shared small uploads too.
    """

    seed: int
    is_shared: bool
    slots: int
    spare: int
    skews_s: tuple[float, ...]
    credit: tuple[int | None, ...]
    switch: float
    crash: float
    stall: float
    failure: float
    lost_reply: float
    reuses: bool
    keeps_rows: bool
    operations: tuple[Operation, ...]

    @property
    def is_calm(self) -> bool:
        """Whether nothing goes wrong in it."""
        rates = self.crash + self.stall + self.failure + self.lost_reply
        return not rates and all(operation.kind not in MISFORTUNES for operation in self.operations)


CLIENTS = {
    "submit": 8,
    "resubmit": 4,
    "batch": 3,
    "crowd": 1,
    "topup": 1,
    "cancel": 2,
    "cancel batch": 1,
    "revoke": 1,
    "query": 2,
}
MISFORTUNES = {
    "crash": 3,
    "restart": 2,
    "stall": 3,
    "outage": 1,
    "deliver again": 3,
    "power cut": 1,
}
"""Kinds of operations, and how often they come."""


def plan_of(seed: int) -> Plan:
    """The plan of a seed."""
    draw = Random(seed)  # noqa: S311 - repeatable on purpose
    is_shared = draw.random() < 0.6
    nodes = draw.choice((1, 2, 2, 3)) if is_shared else draw.choice((1, 2))
    goes_wrong = draw.random() < 0.9
    kinds = [*draw.choices(list(CLIENTS), list(CLIENTS.values()), k=draw.randint(2, 9))]
    if goes_wrong:
        kinds += draw.choices(list(MISFORTUNES), list(MISFORTUNES.values()), k=draw.randint(0, 5))
    operations = [Operation(draw.random() * ACTIVE_S, kind, draw.getrandbits(32)) for kind in kinds]
    return Plan(
        seed=seed,
        is_shared=is_shared,
        slots=draw.choice((1, 2)),
        spare=draw.choice((0, 1)),
        skews_s=tuple(draw.choice((0.0, 0.5, -0.5, MAX_SKEW_S, -MAX_SKEW_S)) for _ in range(nodes)),
        credit=tuple(draw.choice((None, 2, 5, 50)) for _ in range(draw.choice((1, 2, 3)))),
        switch=draw.choice((0.05, 0.3, 0.8)),
        crash=draw.choice((0.0, 0.002, 0.01)) if goes_wrong else 0.0,
        stall=draw.choice((0.0, 0.005, 0.02)) if goes_wrong else 0.0,
        failure=draw.choice((0.0, 0.005, 0.03)) if goes_wrong else 0.0,
        lost_reply=draw.choice((0.0, 0.05, 0.2)) if goes_wrong else 0.0,
        reuses=draw.random() < 0.3,
        keeps_rows=seed % 2 == 1,
        operations=tuple(sorted(operations, key=lambda operation: operation.at_s)),
    )
