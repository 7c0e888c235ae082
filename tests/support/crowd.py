"""Many clients at once, and the books they are checked against afterwards."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.support.server import API, Server

_BUSY = frozenset({401, 429})


@dataclass
class Crowd:
    """Clients that create tasks as fast as they are let, and remember every task_id they were answered."""

    key: str
    sources: Sequence[bytes]
    clients: int = 3
    seed: int = 1
    accepted: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    _quiet: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, server: Server) -> None:
        self._quiet.clear()
        for number in range(self.clients):
            chooser = random.Random(self.seed * 1000 + number)  # noqa: S311 - which picture is next is no secret
            thread = threading.Thread(target=self._work, args=(server, chooser), daemon=True)
            thread.start()
            self._threads.append(thread)
        self.seed += 1

    def stop(self) -> None:
        self._quiet.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _work(self, server: Server, chooser: random.Random) -> None:
        with server.client(self.key, timeout_s=20) as client:
            while not self._quiet.is_set():
                source = chooser.choice(self.sources)
                try:
                    answer = client.post(API, data={"quality": "70"}, files={"image_file": source})
                except httpx.HTTPError:  # the server was killed or is going: nothing was promised
                    time.sleep(0.02)
                    continue
                self._note(answer)

    def _note(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        if answer.status_code == httpx.codes.OK:
            self.accepted.add(answer.json()["data"]["task_id"])
        elif answer.status_code in _BUSY:
            time.sleep(0.05)


def states_of(server: Server, key: str, task_ids: Iterable[str], within_s: float) -> dict[str, int | None]:
    """The final state of each task; None for one that is lost or has not ended within the time."""
    deadline, left = time.monotonic() + within_s, set(task_ids)
    states: dict[str, int | None] = dict.fromkeys(left)
    with server.client(key) as client:
        while left and time.monotonic() < deadline:
            for task_id in sorted(left):
                answer = client.get(f"{API}/{task_id}")
                data = answer.json().get("data", {})
                if answer.status_code == httpx.codes.OK and data["state_detail"] != "Processing":
                    states[task_id] = data["state"]
                    left.discard(task_id)
            time.sleep(0.1)
    return states


@dataclass(frozen=True)
class Books:
    """What the ledger of a stopped or running server says about a key's tasks."""

    balance: int
    topped_up: int
    charged: int
    double: int
    open_holds: int
    unbacked: int

    @property
    def are_right(self) -> bool:
        """Every hold closed once, every charge the task's own, nothing taken that no task accounts for."""
        return not (self.double or self.open_holds or self.unbacked) and self.balance == self.topped_up - self.charged


def books_of(data_dir: Path, key_id: str, initial: int) -> Books:
    """Read the database beside the server."""
    with closing(sqlite3.connect(f"file:{data_dir / 'leanpix.db'}?mode=ro", uri=True)) as database:

        def one(query: str) -> int:
            return int(database.execute(query, {"key": key_id}).fetchone()[0] or 0)

        return Books(
            balance=one("SELECT credits FROM accounts WHERE id = :key"),
            topped_up=initial,
            charged=one("SELECT -sum(credits) FROM ledger WHERE key_id = :key AND kind = 'settle'"),
            double=one(
                "SELECT count(*) FROM (SELECT task_id FROM ledger WHERE key_id = :key AND kind != 'hold'"
                " GROUP BY task_id HAVING count(*) > 1)"
            ),
            open_holds=one(
                "SELECT count(*) FROM ledger AS hold WHERE key_id = :key AND kind = 'hold' AND NOT EXISTS"
                " (SELECT 1 FROM ledger WHERE closes = hold.task_id)"
            ),
            unbacked=one(
                "SELECT count(*) FROM tasks LEFT JOIN ledger ON closes = tasks.id WHERE tasks.key_id = :key"
                " AND (completed_at IS NULL OR closes IS NULL OR (kind = 'settle') != (state = 1)"
                " OR charged != CASE kind WHEN 'settle' THEN -ledger.credits ELSE 0 END)"
            ),
        )


def charged_tasks(data_dir: Path) -> set[str]:
    """The tasks that were charged for, those included whose answer a kill kept from the client."""
    with closing(sqlite3.connect(f"file:{data_dir / 'leanpix.db'}?mode=ro", uri=True)) as database:
        return {str(row[0]) for row in database.execute("SELECT task_id FROM ledger WHERE kind = 'settle'")}


def key_id_of(key: str) -> str:
    """The public part of a key."""
    return key.split("_")[1]
