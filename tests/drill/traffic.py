"""Clients of the drill: they create and query through every balancer all the time, and note each answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

import httpx
from tests.support.balancers import NAME
from tests.support.failures import PICTURE
from tests.support.server import API

_PAUSE_S = 0.25
_PATIENCE_S = 60.0


@dataclass
class Tally:
    """What clients were answered while an event lasted. failures: by status or kind of what broke off."""

    creates: int = 0
    queries: int = 0
    accepted: list[str] = field(default_factory=list)
    failed_creates: Counter[str] = field(default_factory=Counter)
    failed_queries: Counter[str] = field(default_factory=Counter)
    not_json: int = 0
    slowest_s: float = 0.0


@dataclass
class Clients:
    """A key's clients behind balancers, each a thread: a create with sync=1 after the other, and a query likewise."""

    key: str
    bases: Mapping[str, str]
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def at_work(self) -> Iterator[Tally]:
        """They send while the block lasts."""
        tally, over = Tally(), Event()
        steps = [(step, name) for name in self.bases for step in (self._create, self._query)]

        def repeat(step: Callable[[str, Tally], bool], name: str) -> None:
            while not over.wait(_PAUSE_S):
                step(name, tally)

        threads = [Thread(target=repeat, args=each, daemon=True) for each in steps]
        for thread in threads:
            thread.start()
        try:
            yield tally
        finally:
            over.set()
            for thread in threads:
                thread.join(2 * _PATIENCE_S)

    def succeeds_everywhere(self) -> bool:
        """Whether a picture is made through each balancer now."""
        return all(self._create(name, Tally()) for name in self.bases)

    def _create(self, by: str, tally: Tally) -> bool:
        files, url = {"image_file": PICTURE}, self.bases[by] + API
        return self._sent("create", by, httpx.Request("POST", url, data={"sync": "1"}, files=files), tally)

    def _query(self, by: str, tally: Tally) -> bool:
        known = tally.accepted[-1:]
        return not known or self._sent("query", by, httpx.Request("GET", f"{self.bases[by]}{API}/{known[0]}"), tally)

    def _sent(self, what: str, by: str, request: httpx.Request, tally: Tally) -> bool:
        begun = time.monotonic()
        request.headers.update({"X-API-KEY": self.key, "Host": NAME})
        try:
            # A connection for each: as many clients have, and so that a balancer chooses anew.
            with httpx.Client(timeout=_PATIENCE_S, trust_env=False) as client:
                answer = client.send(request)
        except httpx.TransportError as failure:
            return self._note(what, tally, f"{type(failure).__name__} ({by})", begun)
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        data = answer.json().get("data", {}) if is_json else {}
        with self._lock:
            tally.not_json += not is_json
            if what == "create" and "task_id" in data:
                tally.accepted.append(data["task_id"])
        if answer.status_code != httpx.codes.OK:
            return self._note(what, tally, f"{answer.status_code} ({by})", begun)
        state = int(data.get("state", 0))
        return self._note(what, tally, f"state {state}" if state < 0 else None, begun)

    def _note(self, what: str, tally: Tally, failure: str | None, begun: float) -> bool:
        with self._lock:
            tally.slowest_s = max(tally.slowest_s, time.monotonic() - begun)
            if what == "create":
                tally.creates += 1
                tally.failed_creates.update([failure] if failure else [])
            else:
                tally.queries += 1
                tally.failed_queries.update([failure] if failure else [])
        return failure is None
