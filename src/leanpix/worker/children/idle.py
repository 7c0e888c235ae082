"""Children without a job: made ahead, so that a job does not wait for its fork, or kept for their tenant's next one."""

from __future__ import annotations

import math
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass

from leanpix.worker.children.descriptors import ChildDescriptors
from leanpix.worker.children.supervisor import ZygoteSupervisor
from leanpix.worker.children.wire import FORK

_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class KeepRules:
    """For how long a child is used again.

    most: children that are kept at a time, of all tenants together. jobs, age_s: after which a child is let go.
    """

    most: int
    jobs: int
    age_s: float


@dataclass(frozen=True, slots=True)
class _Kept:
    tenant: str
    child: ChildDescriptors
    until_s: float


class IdleChildren:
    """Up to `most_fresh` children that wait for a first job, and those kept for one tenant each. Thread-safe.

    A kept child is handed to its own tenant only. A thread of its own has fresh ones made, for asking the zygote for
    one takes up to 1.5 ms where the machine is busy, and lets go of kept ones whose time is over.
    """

    def __init__(self, supervisor: ZygoteSupervisor, most_fresh: int, rules: KeepRules) -> None:
        self._supervisor, self._most_fresh, self._rules = supervisor, most_fresh, rules
        self._fresh: list[ChildDescriptors] = []
        self._kept: list[_Kept] = []  # the one put back last is last
        self._born_s: dict[ChildDescriptors, float] = {}  # of children that have had a first job and may have another
        self._lock = threading.RLock()  # by itself: a condition is entered by two more calls
        self._changed = threading.Condition(self._lock)
        self._is_due = self._closing = False
        self._looks_at_s = 0.0  # when the thread looks again by itself
        self._thread = threading.Thread(target=self._run, name="idle-children", daemon=True)

    def start(self) -> None:
        """Have the first ones made."""
        self._thread.start()
        self.refill()

    def take(self, tenant: str | None, deadline_s: float) -> ChildDescriptors | None:
        """The tenant's own, one that waits, or one made now; None when no zygote was ready before the deadline.

        deadline_s is monotonic. OSError where there are no descriptors for a child.
        """
        while (child := self._next(tenant)) is not None:
            if child.is_held and (not child.jobs or child.is_quiet):
                return child
            self.let_go(child)  # it was killed, it died with its zygote, or it has something to say that nobody asked
        return self._made(deadline_s)

    def put_back(self, child: ChildDescriptors, tenant: str) -> None:
        """Keep a child for this tenant's next job, or let it go where its jobs or its time are used up."""
        surplus = child
        with self._lock:
            now_s = time.monotonic()
            until_s = self._born_s.setdefault(child, now_s) + self._rules.age_s
            if child.jobs < self._rules.jobs and now_s < until_s and not self._closing and self._rules.most:
                self._kept.append(_Kept(tenant, child, until_s))
                if len(self._kept) <= self._rules.most:
                    if until_s < self._looks_at_s:
                        self._changed.notify_all()  # the thread waits until the first of them is over
                    return
                surplus = self._kept.pop(0).child
        self.let_go(surplus)

    def let_go(self, child: ChildDescriptors) -> None:
        """Close what is held of a child, which ends it."""
        with self._lock:
            self._born_s.pop(child, None)
        child.close()

    def refill(self) -> None:
        """Have as many made as may wait, behind the caller's back."""
        with self._lock:
            if len(self._fresh) < self._most_fresh:
                self._is_due = True
                self._changed.notify_all()

    def close(self) -> None:
        """Let go of those that wait, and have no more. May be called again, and without a start."""
        with self._lock:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            idle = [*self._fresh, *(kept.child for kept in self._kept)]
            self._fresh, self._kept = [], []
        for child in idle:
            self.let_go(child)

    def _next(self, tenant: str | None) -> ChildDescriptors | None:
        with self._lock:
            for place in range(len(self._kept) - 1, -1, -1):  # the one used last has its memory in the caches
                if self._kept[place].tenant == tenant:
                    return self._kept.pop(place).child
            return self._fresh.pop(0) if self._fresh else None

    def _run(self) -> None:
        while True:
            with self._lock:
                if len(self._fresh) >= self._most_fresh:
                    self._is_due = False
                if not self._has_work():
                    sleep_s = self._longest_sleep_s()
                    self._looks_at_s = math.inf if sleep_s is None else time.monotonic() + sleep_s
                    self._changed.wait(sleep_s)
                    self._looks_at_s = 0.0
                if self._closing:
                    return
                over = [kept for kept in self._kept if kept.until_s <= time.monotonic()]
                self._kept = [kept for kept in self._kept if kept not in over]
                wants_one = self._wants_one()
            for kept in over:
                self.let_go(kept.child)
            if wants_one:
                self._add_fresh()

    def _has_work(self) -> bool:
        return self._closing or self._wants_one() or any(k.until_s <= time.monotonic() for k in self._kept)

    def _wants_one(self) -> bool:
        return self._is_due and len(self._fresh) < self._most_fresh

    def _longest_sleep_s(self) -> float | None:
        return max(0.0, min(k.until_s for k in self._kept) - time.monotonic()) if self._kept else None

    def _add_fresh(self) -> None:
        try:
            child = self._made(deadline_s=0)
        except OSError:
            child = None
        with self._lock:
            if child is not None:
                self._fresh.append(child)
            else:  # no zygote, no descriptor: a job that comes meanwhile has its own made
                self._changed.wait_for(lambda: self._closing, _PAUSE_S)

    def _made(self, deadline_s: float) -> ChildDescriptors | None:
        with ExitStack() as undo:
            child = undo.enter_context(ChildDescriptors())
            child.zygote_pid = self._supervisor.send(FORK, child.sent, deadline_s)
            if child.zygote_pid is None:
                return None
            child.close_sent()
            undo.pop_all()
            return child
