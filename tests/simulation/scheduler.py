"""Cooperative threads over a clock that jumps: one seed is one order of events, every time.

Each actor is a greenlet. It gives way only inside `point`, `sleep`, `wait_for` and the waits of events and locks, so
that the code between two calls of ports runs as one step. Time passes only when nobody can run.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from threading import Event, Lock
from types import TracebackType
from typing import cast

from greenlet import getcurrent, greenlet


class Killed(BaseException):
    """The actor's process is gone: raised by every call of a port from then on, so that no clean-up has an effect."""


class Process:
    """Actors that die together, and their clocks. skew_s: how far its wall clock is ahead of the true time."""

    def __init__(self, name: str, skew_s: float = 0.0) -> None:
        self.name, self.skew_s = name, skew_s
        self.dead = False
        self.stalled_until = 0.0
        self.actors: set[Actor] = set()


class Actor:
    """One thread of a process. ticket: what a wake-up has to show; an older one is not meant for this wait."""

    __slots__ = ("name", "process", "switch", "ticket")

    def __init__(self, name: str, process: Process, run: greenlet) -> None:
        self.name, self.process = name, process
        self.switch = run.switch
        self.ticket = 0


class Scheduler:
    """Runs actors in an order that the seed decides. trace: what happened, where somebody wants to know."""

    def __init__(self, seed: int, *, switch: float, traced: bool = False) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.random = self.draw.random
        self.now = 1_800_000_000.0
        self.steps = 0
        self.is_halted = False
        self.trace: list[str] | None = [] if traced else None
        self.outside = Process("outside")
        self.current: Actor | None = None
        self.disturb: Callable[[Actor, str], None] = lambda _actor, _what: None
        self._switch = switch
        self._ready: list[Actor] = []
        self._timers: list[tuple[float, int, Actor, int]] = []
        self._timer_number = 0
        self._blocked: list[tuple[Actor, int]] = []
        self._hub = getcurrent()

    def spawn(self, process: Process, name: str, run: Callable[[], object]) -> None:
        """Start an actor; it runs when its turn comes."""

        def body() -> None:
            try:
                if not process.dead:
                    run()
            except Killed:
                pass
            finally:
                process.actors.discard(actor)

        actor = Actor(f"{process.name}/{name}", process, greenlet(body, self._hub))
        process.actors.add(actor)
        self._ready.append(actor)

    def run(self, until: float) -> None:
        """Let the actors run until this moment, or until none of them has anything to do."""
        ready, timers = self._ready, self._timers
        while not self.is_halted:
            if ready:
                place = int(self.random() * len(ready))
                ready[place], ready[-1] = ready[-1], ready[place]
                actor = ready.pop()
                if actor.process.stalled_until > self.now and not actor.process.dead:
                    self._alarm(actor, actor.process.stalled_until)
                    continue
                self.current = actor
                actor.switch()
                self.current = None
            elif timers and timers[0][0] <= until:
                moment, _, actor, ticket = heapq.heappop(timers)
                if actor.ticket == ticket:
                    self.now = max(self.now, moment)
                    self.wake(actor, ticket)
            else:
                self.now = max(self.now, until)
                return

    def kill(self, process: Process) -> None:
        """End a process as SIGKILL does: its actors leave what they were in, and nothing that they do counts."""
        process.dead = True
        for actor in sorted(process.actors, key=lambda one: one.name):
            if actor is not self.current:
                self.wake(actor, actor.ticket)

    def point(self, what: str) -> None:
        """A call of a port: the others may run first, the process may die, the store may fail."""
        actor = self.current
        assert actor is not None
        if actor.process.dead:
            raise Killed
        self.steps += 1
        if self.trace is not None:
            self.trace.append(f"{self.now - 1_800_000_000:9.3f} {actor.name}: {what}")
        if self.random() < self._switch and self._ready:
            self._ready.append(actor)
            self._give_way(actor)
        self.disturb(actor, what)

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        if self.trace is not None:
            self.trace.append(f"{self.now - 1_800_000_000:9.3f} {text}")

    def sleep(self, seconds: float) -> None:
        """Let time pass for this actor."""
        actor = cast("Actor", self.current)
        self._alarm(actor, self.now + seconds)
        self._give_way(actor)

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until a change makes the condition true; False where the time is over."""
        actor, until = cast("Actor", self.current), self.now + timeout_s
        while not condition():
            if self.now >= until:
                return False
            self._blocked.append((actor, actor.ticket))
            self._alarm(actor, until)
            self._give_way(actor)
        return True

    def changed(self) -> None:
        """Have every `wait_for` look again."""
        blocked, self._blocked = self._blocked, []
        for actor, ticket in blocked:
            self.wake(actor, ticket)

    def owner(self) -> Process:
        """The process that runs at this moment."""
        return cast("Actor", self.current).process

    def wake(self, actor: Actor, ticket: int) -> None:
        """Let an actor go on, unless it has been woken since it got this ticket."""
        if actor.ticket == ticket:
            actor.ticket += 1
            self._ready.append(actor)

    def wait(self, waiting: list[tuple[Actor, int]], timeout_s: float | None) -> None:
        """Wait among others for whoever wakes them, at most so long."""
        actor = cast("Actor", self.current)
        if actor.process.dead:
            raise Killed
        waiting.append((actor, actor.ticket))
        if timeout_s is not None:
            self._alarm(actor, self.now + timeout_s)
        self._give_way(actor)

    def wall_clock(self, process: Process) -> Callable[[], float]:
        """The process's Unix seconds."""
        return lambda: self.now + process.skew_s

    def monotonic(self) -> float:
        """Seconds that no clock's jump moves."""
        return self.now

    def _alarm(self, actor: Actor, moment: float) -> None:
        self._timer_number += 1
        heapq.heappush(self._timers, (moment, self._timer_number, actor, actor.ticket))

    def _give_way(self, actor: Actor) -> None:
        self._hub.switch()
        if actor.process.dead:
            raise Killed


class SimulatedEvent(Event):
    """threading.Event among actors."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler, self._is_set = scheduler, False
        self._waiting: list[tuple[Actor, int]] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        waiting, self._waiting = self._waiting, []
        for actor, ticket in waiting:
            self._scheduler.wake(actor, ticket)

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._scheduler.wait(self._waiting, timeout)
        return self._is_set


class SimulatedLock:
    """threading.Lock among actors: one that is held while others run blocks them, not the whole simulation."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler, self._is_held = scheduler, False

    def as_lock(self) -> Lock:
        """Itself, for the type checker: threading's own cannot be inherited from."""
        return cast("Lock", self)

    def __enter__(self) -> None:
        while self._is_held:
            self._scheduler.wait_for(lambda: not self._is_held, 1e9)
        self._is_held = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_held = False
        self._scheduler.changed()
